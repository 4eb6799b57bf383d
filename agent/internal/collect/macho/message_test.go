// SPDX-License-Identifier: Apache-2.0

package macho

import (
	"bytes"
	"crypto/x509"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestSignerIsReadFromBothFormsOfTheMessage(t *testing.T) {
	t.Parallel()
	for _, loose := range []bool{false, true} {
		raw := thin(cpuARM64, superBlob(slot{0, directory("com.example", "TEAM", 2)}, slot{slotSignature, blob(magicBlobWrapper, message(t, loose))},
			slot{slotEntitlements, blob(magicEntitlements, []byte("<plist/>"))}))
		sig, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, der := range sig.Certificates {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, c.Subject.CommonName)
		}
		if want := []string{"Developer ID Application: Acme (TEAM)", "Authority", "Root"}; !slices.Equal(names, want) {
			t.Errorf("indefinite %t: got %q, want %q", loose, names, want)
		}
		if want := time.Date(2024, 2, 29, 12, 30, 45, 0, time.UTC); !sig.SigningTime.Equal(want) {
			t.Errorf("indefinite %t: signed at %v, want %v", loose, sig.SigningTime, want)
		}
		if want := time.Date(2024, 2, 29, 12, 30, 46, 0, time.UTC); !sig.SecureSigningTime.Equal(want) {
			t.Errorf("indefinite %t: stamped at %v, want %v", loose, sig.SecureSigningTime, want)
		}
		if string(sig.Entitlements) != "<plist/>" {
			t.Errorf("indefinite %t: entitlements %q", loose, sig.Entitlements)
		}
	}
}

// TestMessageOfOpenSSL reads what another program made.
func TestMessageOfOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("NO OPENSSL HERE: the message of another maker is not read")
	}
	folder := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "text"), []byte("signed"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-subj", "/CN=Signer", "-addext", "basicConstraints=CA:FALSE")
	for _, form := range [][]string{nil, {"-stream"}} { // -stream writes the indefinite form
		run(append([]string{"cms", "-sign", "-binary", "-in", "text", "-signer", "cert", "-inkey", "key", "-outform", "DER", "-out", "message"}, form...)...)
		raw, err := fs.ReadFile(os.DirFS(folder), "message")
		if err != nil {
			t.Fatal(err)
		}
		sig := &Signature{}
		sig.addMessage(raw)
		if len(sig.Certificates) != 1 {
			t.Fatalf("%v: got %d certificates", form, len(sig.Certificates))
		}
		c, err := x509.ParseCertificate(sig.Certificates[0])
		if err != nil || c.Subject.CommonName != "Signer" {
			t.Errorf("%v: got %v, %v", form, c, err)
		}
		if since := time.Since(sig.SigningTime); since < -time.Hour || since > 24*time.Hour {
			t.Errorf("%v: signed at %v", form, sig.SigningTime)
		}
	}
}

func TestNestingEnds(t *testing.T) {
	t.Parallel()
	if _, ok := parseElement(bytes.Repeat([]byte{0x30, 0x80}, 1000)); ok {
		t.Error("a thousand elements inside each other were read")
	}
	if (element{tag: tagOctets, content: []byte("x")}).children() != nil {
		t.Error("an octet string is not made of elements")
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(message(f, true))
	f.Add(message(f, false))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		sig := &Signature{}
		sig.addMessage(raw)
	})
}
