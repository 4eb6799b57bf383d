// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"testing"
	"testing/fstest"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const brewReceipt = `{"homebrew_version":"4.2","installed_on_request":true,"installed_as_dependency":false,"time":1700000000,` +
	`"source":{"tap":"homebrew/core","spec":"stable","versions":{"stable":"1.24.0"}}}`

const brewFormula = `class Wget < Formula
  desc "Internet file \"retriever\""
  homepage "https://www.gnu.org/software/wget/"
  license "GPL-3.0-or-later"
  desc "a second one"
  homepage "#{evil}"
end
`

func TestBrewPackages(t *testing.T) {
	t.Parallel()
	const prefix = "opt/homebrew/"
	files := fstest.MapFS{
		prefix + "Cellar/wget/1.24.0_1/INSTALL_RECEIPT.json": text(brewReceipt),
		prefix + "Cellar/wget/1.24.0_1/.brew/wget.rb":        text(brewFormula),
		prefix + "Cellar/bare/2/bin/bare":                    text(""),
		prefix + "Caskroom/firefox/.metadata/120.0/20231114221320.123/Casks/firefox.json": text(
			`{"token":"firefox","tap":"homebrew/cask","name":["Mozilla Firefox"],"desc":"Web browser","homepage":"https://www.mozilla.org/firefox/",` +
				`"auto_updates":true,"artifacts":[{"zap":[{"trash":["x"]}]},{"app":["Firefox.app"]}]}`),
		prefix + "Caskroom/old/.metadata/1.0/20231114221320.123/Casks/old.rb": text(
			"cask \"old\" do\n  version \"1.0\"\n  desc \"Old one\"\n  auto_updates true\n  app \"Old.app\", target: \"x\"\nend\n"),
		prefix + "Caskroom/firefox/.metadata/config.json": text("{}"),
	}
	snap, err := gatherOn(t, "darwin", "brew_packages", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "brew", show(snap.BrewPackages...), `
{name:bare,prefix:/opt/homebrew,purl:pkg:brew/bare@2,type:formula,version:2}
{homepage:https://www.gnu.org/software/wget/,install_time:2023-11-14T22:13:00,license:GPL-3.0-or-later,name:wget,on_request:true,prefix:/opt/homebrew,`+
		`purl:pkg:brew/wget@1.24.0_1,summary:Internet file \retriever\,tap:homebrew/core,type:formula,version:1.24.0_1}
{app_name:Firefox.app,auto_updates:true,homepage:https://www.mozilla.org/firefox/,install_time:2023-11-14T22:13:00,name:firefox,prefix:/opt/homebrew,`+
		`purl:pkg:brew/firefox@120.0,summary:Web browser,tap:homebrew/cask,type:cask,version:120.0}
{app_name:Old.app,auto_updates:true,install_time:2023-11-14T22:13:00,name:old,prefix:/opt/homebrew,purl:pkg:brew/old@1.0,summary:Old one,type:cask,version:1.0}`)
}

func FuzzBrew(f *testing.F) {
	f.Add([]byte(brewReceipt))
	f.Add([]byte(brewFormula))
	f.Add([]byte(`{"time":-1e300,"artifacts":[{"app":[{"target":"x"}]}],"tap":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		row := &inventoryv1.BrewPackage{}
		setReceipt(row, raw)
		setCask(row, raw)
		setRuby(row, string(raw))
		fits(t, row)
	})
}
