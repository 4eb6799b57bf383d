// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"
	"testing"
)

func TestSecretsInCommandsAreMasked(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"backup --password=hunter2 --verbose", "backup --password=*** --verbose"},
		{"backup --password hunter2 /data", "backup --password *** /data"},
		{`backup --password "hunter 2" /data`, `backup --password *** /data`},
		{`backup "--password=hunter 2" /data`, `backup "--password=***" /data`},
		{"PGPASSWORD='a b' pg_dump x", "PGPASSWORD=*** pg_dump x"},
		{"AWS_SECRET_ACCESS_KEY=abc/def aws s3 sync . s3://b", "AWS_SECRET_ACCESS_KEY=*** aws s3 sync . s3://b"},
		{"java -Djavax.net.ssl.trustStorePassword=changeit -jar a.jar", "java -Djavax.net.ssl.trustStorePassword=*** -jar a.jar"},
		{"psql postgres://app:s3cr3t@db:5432/x?sslmode=on", "psql postgres://app:***@db:5432/x?sslmode=on"},
		{"git clone https://0123abcd@example.com/x.git", "git clone https://***@example.com/x.git"},
		{"git clone ssh://git@example.com/x.git", "git clone ssh://git@example.com/x.git"},
		{"curl -fsS -u joe:pw https://example.com", "curl -fsS -u joe:*** https://example.com"},
		{`curl -H "Authorization: Bearer abcdef123456" https://x`, `curl -H "Authorization: ***" https://x`},
		{"curl https://x/?token=abc&day=1", "curl https://x/?token=***&day=1"},
		{"mysqldump -uroot -pSecret --all-databases", "mysqldump -uroot -p*** --all-databases"},
		{"mkdir -p /a && ssh -p2222 b", "mkdir -p /a && ssh -p2222 b"},
		{"sshpass -p abc ssh x", "sshpass -p *** ssh x"},
		{"run AKIAIOSFODNN7EXAMPLE now", "run *** now"},
		{"echo ghp_0123456789abcdefghij0123456789abcdef", "echo ***"},
		{`{"api_key": "abc", "n": 1}`, `{"api_key": ***, "n": 1}`},
		{"x --password-file=/etc/pw --token-ttl=5m", "x --password-file=/etc/pw --token-ttl=5m"},
		{"x --no-password --verbose", "x --no-password --verbose"},
		{"java -Dservice.api.key=abc -Dencryption.key=def -Daccess.key.file=/k", "java -Dservice.api.key=*** -Dencryption.key=*** -Daccess.key.file=/k"},
		{"java -Dlicense_key=abc -Djavax.net.ssl.keyStore=/k", "java -Dlicense_key=*** -Djavax.net.ssl.keyStore=/k"},
		{"java -Ddb.url=jdbc:oracle:thin:app/tiger@//db:1521/x", "java -Ddb.url=jdbc:oracle:thin:app/***@//db:1521/x"},
		{"test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )"},
		{"", ""},
	}
	for _, tt := range tests {
		if got := maskSecrets(tt.text); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestSecretsInArgumentsAreMaskedToTheirEnd(t *testing.T) {
	t.Parallel()
	arguments := []string{"-Ddb.password=with two words", "--token", "abc", "--token", "--next", "plain=x y", "-Durl=jdbc:pg://u:p@h/d", "--password-file", "/f"}
	want := "-Ddb.password=***|--token|***|--token|--next|plain=x y|-Durl=jdbc:pg://u:***@h/d|--password-file|/f"
	if got := strings.Join(maskArguments(arguments), "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("curl -u a:b https://c:d@e --password \"f")
	f.Add(`"token: x\" y" pass=`)
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "hunter2hunter2"
		if got := maskSecrets(strings.ReplaceAll(text, secret, "") + "\n--password=" + secret); strings.Contains(got, secret) {
			t.Errorf("%q: got %q", text, got)
		}
		maskArguments(strings.Fields(text))
	})
}
