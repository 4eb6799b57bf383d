// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestArgumentsOfJavaArePartedFromThoseOfTheProgram(t *testing.T) {
	t.Parallel()
	files := map[string]string{"f": "-cp 'a b.jar' -Dx=1", "self": "@self"}
	tests := []struct {
		args                string
		main, jar, path, vm string
	}{
		{args: "-Xmx1g -cp a:b Main -Dnot=mine -jar x", main: "Main", path: "a:b", vm: "-Xmx1g"},
		{args: "-classpath a -cp b Main", main: "Main", path: "b"},
		{args: "--class-path=a --add-modules java.se Main", main: "Main", path: "a", vm: "--add-modules java.se"},
		{args: "-Da=b -jar app.jar -Xmx", main: "app.jar", jar: "app.jar", vm: "-Da=b"},
		{args: "-p mods -m mod/Main x", main: "mod/Main"},
		{args: "--module=mod", main: "mod"},
		{args: "@f Main", main: "Main", path: "a b.jar", vm: "-Dx=1"},
		{args: "--disable-@files @f", main: "@f"},
		{args: "@self -cp"},
		{args: "-version", vm: "-version"},
	}
	for _, tt := range tests {
		expansions := 0
		a := parseJava(strings.Fields(tt.args), func(file string) []string {
			if expansions++; expansions > 50 {
				return nil
			}
			return javaWords(files[file], true)
		})
		if a.main != tt.main || a.jar != tt.jar || a.classPath != tt.path || strings.Join(a.vm, " ") != tt.vm {
			t.Errorf("%s: got %+v", tt.args, a)
		}
	}
}

func TestWordsAreQuoted(t *testing.T) {
	t.Parallel()
	got := javaWords("-a \"b c\" # d\n'e\\\\f' g#h \"\"", true)
	if want := []string{"-a", "b c", `e\f`, "g#h", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTagsOfAzulComeBeforeOurs(t *testing.T) {
	t.Parallel()
	files := with(kernel(), fstest.MapFS{"home/app/.az_crs/config.properties": text("# x\ntags=a=file;b=file;c=file\n")})
	p := &javaProcess{
		environment: map[string]string{"AZ_CRS_ARGUMENTS": "mode=on,tags=a=env;b=env,api.url=x", "ROLLCALL_TAGS": "z=z"}, userHome: "/home/app",
		arguments: javaArguments{vm: []string{"-XX:AzCRSArguments=tags=a=line;appEnv=pay roll", "-Dcom.azul.crs.instance.tags=d=p;9=x;e=(bad)"}},
	}
	rows, appEnv := p.tags(&javaRound{h: &hosttest.Machine{Files: files}})
	var got []string
	for _, r := range rows {
		got = append(got, r.GetKey()+"="+r.GetValue())
	}
	if want := "a=line;appEnv=pay roll;b=env;c=file;d=p"; strings.Join(got, ";") != want || *appEnv != "pay roll" {
		t.Errorf("got %s and %v, want %s", got, appEnv, want)
	}
}

func FuzzJavaArguments(f *testing.F) {
	f.Add("-Xmx1g -cp 'a:b' @x Main", "-Da=\"b c\" @x")
	f.Fuzz(func(t *testing.T, line, file string) {
		a := parseJava(javaWords(line, false), func(string) []string { return javaWords(file, true)[:min(len(javaWords(file, true)), 100)] })
		if a.jar != "" && a.main != a.jar {
			t.Errorf("starts %q and %q", a.jar, a.main)
		}
		parseJavaTags(file)
	})
}

func FuzzPerfData(f *testing.F) {
	f.Add(perfFile("sun.rt.javaCommand", "a.jar b", "java.property.java.home", "/x"))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if d, err := parsePerfData(raw); err == nil {
			p := &javaProcess{perf: d}
			p.fromPerf()
		}
	})
}
