// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// maxBundles bounds how many applications one folder may hold.
const maxBundles = 5000

// appFolders are where applications are installed for everybody.
var appFolders = []string{
	"Applications",
	"System/Applications",
	"System/Cryptexes/App/System/Applications",
	"System/Library/CoreServices",
	"Library/Apple/System/Library/CoreServices",
	"Users/Shared/Applications",
}

// homeAppFolders are where people keep applications of their own. The system shows Desktop and Downloads to nobody who
// was not given Full Disk Access.
var homeAppFolders = []string{"Applications", "Desktop", "Downloads"}

// appBundles returns the bundles in all folders and one level below, in order, each once: a link into a folder that is
// looked through itself, such as that of Safari, is not followed.
func appBundles(h host.Host, refused *gap) ([]string, error) {
	folders := appFolders
	homes, err := macHomes(h)
	if err != nil && !errors.Is(err, ErrAbsent) {
		if err := refused.allow("Users", err); err != nil {
			return nil, err
		}
	}
	for _, home := range homes {
		for _, folder := range homeAppFolders {
			folders = append(folders[:len(folders):len(folders)], path.Join(home, folder))
		}
	}
	var found []string
	for _, folder := range folders {
		inside, below, err := bundlesIn(h, folder)
		if err := refused.allow(folder, err); err != nil {
			return nil, err
		}
		found = append(found, inside...)
		for _, sub := range below {
			inside, _, err := bundlesIn(h, sub)
			if err := refused.allow(sub, err); err != nil {
				return nil, err
			}
			found = append(found, inside...)
		}
	}
	return found, nil
}

// bundlesIn returns the bundles in a folder, and the folders in it that may hold more.
func bundlesIn(h host.Host, folder string) (bundles, below []string, err error) {
	entries, err := fs.ReadDir(h.FS(), folder)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), ".") || len(bundles) == maxBundles:
		case e.Type()&fs.ModeSymlink != 0:
			if strings.HasSuffix(e.Name(), ".app") && leadsElsewhere(h, name) {
				bundles = append(bundles, name)
			}
		case !e.IsDir():
		case strings.HasSuffix(e.Name(), ".app"):
			bundles = append(bundles, name)
		case path.Ext(e.Name()) == "": // other bundles have extensions
			below = append(below, name)
		}
	}
	return bundles, below, nil
}

// leadsElsewhere tells whether a link in a folder for everybody leads to a bundle that is not found by itself.
func leadsElsewhere(h host.Host, name string) bool {
	target, err := fs.ReadLink(h.FS(), name)
	if err != nil || strings.HasPrefix(name, "Users/") {
		return false
	}
	if !path.IsAbs(target) {
		target = path.Join("/", path.Dir(name), target)
	}
	for _, folder := range appFolders {
		if strings.HasPrefix(path.Clean(target), "/"+folder+"/") {
			return false
		}
	}
	return true
}

// signerOf describes a chain of certificates, the signer's first, each signed by the next.
func signerOf(chain [][]byte) *inventoryv1.Certificate {
	var by *inventoryv1.Certificate
	for i := len(chain) - 1; i >= 0; i-- {
		c, err := certificate(chain[i], "")
		if err != nil {
			continue
		}
		if by != nil {
			c.SignedBy = by
		}
		by = c
	}
	return by
}

// entitlementsOf makes free JSON of what a program may do; nil for what JSON cannot hold.
func entitlementsOf(list []byte) *string {
	if list == nil {
		return nil
	}
	dict, err := plist.DecodeDict(list)
	if err != nil || len(dict) == 0 {
		return nil
	}
	raw, err := json.Marshal(plainValue(dict))
	if err != nil {
		return nil
	}
	canonical, err := asset.CanonicalJSON(raw)
	if err != nil {
		return nil
	}
	return fact(string(canonical))
}

// plainValue makes what JSON has no type for into text.
func plainValue(value any) any {
	switch v := value.(type) {
	case plist.Dict:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[clean(key)] = plainValue(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = plainValue(inner)
		}
		return out
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.Format(time.RFC3339)
	case string:
		return clean(v)
	}
	return value
}
