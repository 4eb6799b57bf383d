// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"slices"
	"strings"
)

// javaArguments is what a virtual machine was started with.
type javaArguments struct {
	// vm are the options for the virtual machine in order, without those that say what to run and where it is.
	vm []string
	// classPath is the value of the last option for it; set tells whether there was one.
	classPath    string
	classPathSet bool
	// modules, agents and boot name further archives and folders.
	modules, agents, boot []string
	// jar is the archive that was started; main is it or the main class, as it was written.
	jar, main string
}

// javaOptionsWithValue take the next argument for their value.
var javaOptionsWithValue = []string{
	"-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path", "--add-modules", "--add-exports",
	"--add-opens", "--add-reads", "--patch-module", "--limit-modules", "--enable-native-access", "--source",
	"-d", "--describe-module",
}

// maxArguments bounds what argument files may make of a command line.
const maxArguments = 20_000

// parseJava reads the arguments of the java launcher, its own name left out. What follows the main class is the program's
// own business and not looked at. expand returns the words of an argument file.
//
// Source: java(1), "Synopsis" and "java Command-Line Argument Files".
func parseJava(args []string, expand func(file string) []string) javaArguments {
	var a javaArguments
	files := true
	for len(args) > 0 && len(a.vm) < maxArguments {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--disable-@files":
			files = false
		case files && strings.HasPrefix(arg, "@") && !strings.HasPrefix(arg, "@@"):
			args = append(slices.Clone(expand(arg[1:])), args...)
			files = len(args) < maxArguments // a file that names itself ends there
		case arg == "-jar":
			if len(args) > 0 {
				a.jar, a.main = args[0], args[0]
			}
			return a
		case arg == "-m" || arg == "--module":
			if len(args) > 0 {
				a.main = args[0]
			}
			return a
		case strings.HasPrefix(arg, "--module="):
			a.main = arg[len("--module="):]
			return a
		case slices.Contains(javaOptionsWithValue, arg):
			if len(args) == 0 {
				return a
			}
			a.option(arg, args[0], []string{arg, args[0]})
			args = args[1:]
		case strings.HasPrefix(arg, "-"):
			name, value, _ := strings.Cut(arg, "=")
			a.option(name, value, []string{arg})
		default:
			a.main = arg
			return a
		}
	}
	return a
}

// option takes one option; words are how it was written.
func (a *javaArguments) option(name, value string, words []string) {
	switch {
	case name == "-cp" || name == "-classpath" || name == "--class-path" || name == "-Djava.class.path":
		a.classPath, a.classPathSet = value, true
		return
	case name == "-p" || name == "--module-path" || name == "--upgrade-module-path":
		a.modules = append(a.modules, value)
		return
	case strings.HasPrefix(words[0], "-javaagent:"):
		file, _, _ := strings.Cut(words[0][len("-javaagent:"):], "=")
		a.agents = append(a.agents, file)
	case strings.HasPrefix(words[0], "-Xbootclasspath/a:"):
		a.boot = append(a.boot, words[0][len("-Xbootclasspath/a:"):])
	}
	a.vm = append(a.vm, words...)
}

// property returns the last -D of this name.
func (a *javaArguments) property(name string) string {
	for _, arg := range slices.Backward(a.vm) {
		if value, ok := strings.CutPrefix(arg, "-D"+name+"="); ok {
			return value
		}
	}
	return ""
}

// isLauncher tells whether a program is called like the java launcher, whose arguments parseJava knows.
func isLauncher(program string) bool {
	base := strings.TrimSuffix(path.Base(strings.ReplaceAll(program, `\`, "/")), ".exe")
	return base == "java" || base == "javaw"
}

// javaWords splits the text of an argument file, or of JAVA_TOOL_OPTIONS and its like, into words: quotes hold blanks, a
// backslash inside them the next character, and with comments a # begins one.
//
// Source: java(1), "java Command-Line Argument Files"; jvm(TM) Tool Interface, "The JAVA_TOOL_OPTIONS Environment Variable".
func javaWords(text string, comments bool) []string {
	var words []string
	var word strings.Builder
	var quote byte
	inside := false
	for i := 0; i < len(text) && len(words) < maxArguments; i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0 && comments && c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inside = c, true
		case comments && c == '#' && !inside:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			inside = true
			word.WriteByte(c)
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}
