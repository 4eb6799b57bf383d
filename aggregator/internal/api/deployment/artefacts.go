// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"bytes"
	"embed"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// artefactKind is what an enrolment can be downloaded as: it installs the agent and enrols the machine.
type artefactKind struct {
	name, contentType string
	formats           []string // of the agent's packages that it downloads
	render            func(installation) ([]byte, error)
}

// installation is what an artefact is made of.
type installation struct {
	Server   string // URL
	Secret   string
	ID       int64 // of the enrolment
	Version  int   // of the enrolment
	Packages []agentPackage
}

var (
	shellScript = artefactKind{
		name: "script.sh", contentType: "application/x-sh", formats: []string{"deb", "rpm", "apk", "arch"},
		render: func(i installation) ([]byte, error) { return i.text("linux.sh") },
	}
	powershellScript = artefactKind{
		name: "script.ps1", contentType: "text/plain; charset=utf-8", formats: []string{"windows"},
		render: func(i installation) ([]byte, error) { return i.text("windows.ps1") },
	}
	macPackage = artefactKind{
		name: "package.pkg", contentType: "application/octet-stream", formats: []string{"darwin"}, render: installation.macPackage,
	}
)

//go:embed artefacts
var artefactFiles embed.FS

// artefactTemplates are the scripts. Whatever they are given goes through a quoting function.
var artefactTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"sh": shellQuoted, "ps": powershellQuoted,
}).ParseFS(artefactFiles, "artefacts/*"))

// shellQuoted is a word of a POSIX shell.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// powershellQuotes are what PowerShell takes for the end of a string in single quotes, unless it stands twice.
var powershellQuotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// powershellQuoted is a string of PowerShell.
func powershellQuoted(text string) string { return "'" + powershellQuotes.Replace(text) + "'" }

func (i installation) text(name string) ([]byte, error) {
	var b bytes.Buffer
	if err := artefactTemplates.ExecuteTemplate(&b, name, i); err != nil {
		return nil, fmt.Errorf("artefact %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// artefact answers with an artefact of an enrolment.
func (a *API) artefact(p store.Purpose, kind artefactKind) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		e, id, err := a.enrollments(p).One(r)
		if err != nil {
			return err
		}
		packages, err := a.packagesFor(kind)
		if err != nil {
			return err
		}
		body, err := kind.render(installation{Server: a.public.of(r), Secret: e.Secret, ID: e.ID, Version: e.Version, Packages: packages})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("rollcall_%s_enrollment_%d_%s", p, id, kind.name)
		h := w.Header()
		h.Set("Content-Type", kind.contentType)
		h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("Cache-Control", "private, no-store") // it holds a secret
		h.Set("X-Content-Type-Options", "nosniff")
		_, err = w.Write(body)
		return err
	}
}

// packagesFor returns the agent's packages that an artefact can download, or a 404 that says what to do about there being
// none.
func (a *API) packagesFor(kind artefactKind) ([]agentPackage, error) {
	if a.packages.dir == "" {
		return nil, api.Refuse(http.StatusNotFound,
			"This aggregator has no packages of the agent to install: start it with --agent-packages and the folder that make package wrote.")
	}
	all, err := a.packages.newest()
	if err != nil {
		return nil, err
	}
	packages := slices.DeleteFunc(all, func(p agentPackage) bool { return !slices.Contains(kind.formats, p.Format) })
	if len(packages) == 0 {
		return nil, api.Refuse(http.StatusNotFound,
			"The folder of --agent-packages has none of the agent's packages for %s.", strings.Join(kind.formats, ", "))
	}
	return packages, nil
}
