// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// Certificate is one of the chain that a server presented.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	SHA256    string    `json:"sha256"` // of the whole certificate, hexadecimal
	Problem   string    `json:"problem,omitempty"`
}

// rootsOf reads the trusted authorities; nil: the system's.
func rootsOf(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil //nolint:nilnil // crypto/x509's way to name the system's
	}
	raw, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("%w: --ca-file: %w", upload.ErrUsage, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%w: --ca-file %s holds no certificate in PEM form", upload.ErrUsage, caFile)
	}
	return roots, nil
}

// judge lists the chain of a connection and says which certificate is the trouble.
func (c *Check) judge(state *tls.ConnectionState, name string, roots *x509.CertPool, caFile string) {
	chain := state.PeerCertificates
	for _, one := range chain {
		digest := sha256.Sum256(one.Raw)
		c.Certificates = append(c.Certificates, Certificate{
			Subject: one.Subject.String(), Issuer: one.Issuer.String(), NotBefore: one.NotBefore.UTC(),
			NotAfter: one.NotAfter.UTC(), SHA256: hex.EncodeToString(digest[:]),
		})
	}
	err := verify(chain, name, roots)
	if err == nil {
		c.Detail = fmt.Sprintf("%s, trusted until %s", tls.VersionName(state.Version), earliestEnd(chain).UTC().Format(time.RFC3339))
		return
	}
	place, problem, advice := diagnose(chain, err, caFile)
	c.Certificates[place].Problem = problem
	c.fail(upload.ErrUnreachable, err, advice)
}

// verify holds a chain against the trusted authorities, as a TLS client does.
func verify(chain []*x509.Certificate, name string, roots *x509.CertPool) error {
	options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, one := range chain[1:] {
		options.Intermediates.AddCert(one)
	}
	_, err := chain[0].Verify(options)
	return err
}

// diagnose tells which certificate of the chain is the trouble, what it is, and what to do.
func diagnose(chain []*x509.Certificate, err error, caFile string) (place int, problem, advice string) {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(err, &name):
		return 0, "issued for another name", "use a name of the certificate in --server, or give the aggregator a certificate for this one"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		place = placeOf(chain, invalid.Cert)
		if time.Now().Before(invalid.Cert.NotBefore) {
			return place, "not valid yet", "compare the clocks of both machines; the certificate begins later"
		}
		return place, "expired", "renew it (--tls-cert is read again when it changes); or the clock of this machine is wrong"
	case errors.As(err, &authority):
		advice = "name the certificate of its issuer with --ca-file"
		if caFile != "" {
			advice = "the file of --ca-file does not hold its issuer"
		}
		return len(chain) - 1, "its issuer is not trusted", advice + "; where the chain lacks an intermediate certificate, --tls-cert has to have it"
	default:
		return placeOf(chain, invalid.Cert), "not valid", "give the aggregator another certificate"
	}
}

// placeOf finds a certificate in the chain; the server's own when it is not of the chain.
func placeOf(chain []*x509.Certificate, wanted *x509.Certificate) int {
	for i, one := range chain {
		if wanted != nil && one.Equal(wanted) {
			return i
		}
	}
	return 0
}

// earliestEnd returns when the first certificate of a chain ends.
func earliestEnd(chain []*x509.Certificate) time.Time {
	end := chain[0].NotAfter
	for _, one := range chain[1:] {
		if one.NotAfter.Before(end) {
			end = one.NotAfter
		}
	}
	return end
}
