// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// rowsOf reads rows written as "table|column=value|column=value".
func rowsOf(lines ...string) []map[string]string {
	var rows []map[string]string
	for _, line := range lines {
		fields := strings.Split(line, "|")
		row := map[string]string{"table_name": fields[0]}
		for _, field := range fields[1:] {
			column, value, _ := strings.Cut(field, "=")
			row[column] = value
		}
		rows = append(rows, row)
	}
	return rows
}

func TestRowsBecomeTheFactsOfTheModel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		rows []string
		want string // the tree
	}{
		{
			"text is trimmed, NUL bytes go, counts of none are none",
			[]string{"system_info|computer_name= web-1 |hostname=we\x00b|cpu_physical_cores=0|cpu_logical_cores=4|physical_memory=8589934592|hardware_serial=-1|uuid=4C4C4544-0031-3010-8052-B4C04F4D3132"},
			`{"system_info":{"computer_name":"web-1","cpu_logical_cores":4,"hostname":"web","physical_memory":8589934592,"uuid":"4c4c4544-0031-3010-8052-b4c04f4d3132"}}`,
		},
		{"a Linux", []string{"os_version|name=Ubuntu|version=24.04.1 LTS|major=24|minor=4|patch=0|build=|platform=ubuntu|codename=noble"}, `{"os_version":{"codename":"noble","id":"ubuntu","major":24,"minor":4,"name":"Ubuntu","patch":0}}`},
		{"no major number, no version", []string{"os_version|name=Arch Linux|build=rolling|platform=arch"}, `{}`},
		{"a Mac without a patch", []string{"os_version|name=macOS|major=26|minor=1|patch=|build=25B78|platform=darwin|extra="}, `{"os_version":{"build":"25B78","major":26,"minor":1,"name":"macOS","patch":0}}`},
		{"a rapid response", []string{"os_version|name=macOS|major=13|minor=3|patch=1|build=22E772610a|platform=darwin|extra=(a)"}, `{"os_version":{"build":"22E772610a","major":13,"minor":3,"name":"macOS","patch":1,"version":"(a)"}}`},
		{"an old name of macOS", []string{"os_version|name=Mac OS X|major=10|minor=15|patch=0|build=19D76|platform=darwin"}, `{"os_version":{"build":"19D76","major":10,"minor":15,"name":"macOS","patch":3}}`},
		{
			"Windows has its build from the registry",
			[]string{"windows_build|build=22631|revision=4602|edition=Professional", "os_version|name=Microsoft Windows 11 Pro|major=10|minor=0|build=22631|platform=windows|codename=Microsoft Windows 11 Pro"},
			`{"os_version":{"build":"22631.4602","edition":"Professional","major":11,"name":"Windows 11","version":"23H2"}}`,
		},
		{
			"a registry that does not tell leaves the version",
			[]string{"windows_build|build=|revision=", "os_version|name=Microsoft Windows 10 Pro|major=10|minor=0|build=19044|platform=windows"},
			`{"os_version":{"build":"19044","major":10,"name":"Windows 10","version":"21H2"}}`,
		},
		{
			"an address is one without zone, a MAC is in lower case",
			[]string{"network_interface|interface=en0|mac=0A:1B:2C:3D:4E:5F|address=fe80::1%en0|mask=ffff:ffff:ffff:ffff::|broadcast=|mtu=1500", "network_interface|interface=lo|mac=|address=127.0.0.1"},
			`{"network_interfaces":[{"address":"fe80::1","interface":"en0","mac":"0a:1b:2c:3d:4e:5f","mask":"ffff:ffff:ffff:ffff::","mtu":1500}]}`,
		},
		{
			"disks have a size",
			[]string{"disks|name=/dev/sda|size=107374182400|model= QEMU |vendor=", "disks|name=/dev/sdb|size=", "disks|name=disk3s1|size=5|path=/|label=Macintosh HD|encryption_status=encrypted|filevault_status=on"},
			`{"disks":[{"model":"QEMU","name":"/dev/sda","size":107374182400},{"encryption_status":"encrypted","filevault_status":"on","label":"Macintosh HD","name":"disk3s1","path":"/","size":5}]}`,
		},
		{
			"apps",
			[]string{"apps|bundle_id=com.example.a|bundle_name=A|bundle_version=12|bundle_version_str=1.2|bundle_path=/Applications/A.app", "apps|bundle_id=com.example.b"},
			`{"osx_app_instances":[{"app":{"bundle_id":"com.example.a","bundle_name":"A","bundle_version":"12","bundle_version_str":"1.2"},"bundle_path":"/Applications/A.app"}]}`,
		},
		{
			"programs",
			[]string{"programs|name=7-Zip|version=24.08|install_date=20240815|install_location=C:\\7-Zip\\", "programs|name=X|install_date=15/08/2024", "programs|install_location=C:\\Y"},
			`{"program_instances":[{"install_date":"2024-08-15T00:00:00","install_location":"C:\\7-Zip\\","program":{"name":"7-Zip","version":"24.08"}}]}`,
		},
		{
			"deb packages: sources are whole, left-over configuration is no package",
			[]string{"deb_packages|name=libc6|version=2.36-9|source=glibc|arch=amd64|size=12000|status=install ok installed", "deb_packages|name=bash|version=5.2-1+b1|source=bash (5.2-1)|status=hold ok installed", "deb_packages|name=old|version=1|status=deinstall ok config-files", "deb_packages|name=x|version=1|source="},
			`{"deb_packages":[{"arch":"amd64","name":"libc6","size":12000,"source":"glibc","source_version":"2.36-9","status":"install ok installed","version":"2.36-9"},{"name":"bash","source":"bash","source_version":"5.2-1","status":"hold ok installed","version":"5.2-1+b1"},{"name":"x","source":"x","source_version":"1","version":"1"}]}`,
		},
		{
			"rpm packages",
			[]string{"rpm_packages|name=bash|version=5.2|release=1.el9|epoch=|size=1|install_time=1722945661|sha1=aa", "rpm_packages|name=gpg-pubkey|version=1"},
			`{"rpm_packages":[{"install_time":"2024-08-06T12:01:00","name":"bash","release":"1.el9","size":1,"version":"5.2"}]}`,
		},
		{
			"components and Homebrew",
			[]string{"homebrew_packages|name=jq|version=1.7|type=formula|prefix=/opt/homebrew|auto_updates=0", "python_packages|name=pip|version=24|path=/usr/lib/python3", "npm_packages|name=@a/b|version=1|description=words|path=/usr/lib"},
			`{"brew_packages":[{"auto_updates":false,"name":"jq","prefix":"/opt/homebrew","type":"formula","version":"1.7"}],"npm_packages":[{"name":"@a/b","path":"/usr/lib","summary":"words","version":"1"}],"python_packages":[{"name":"pip","path":"/usr/lib/python3","version":"24"}]}`,
		},
		{
			"extensions of browsers",
			[]string{"chrome_extensions|browser_type=edge|identifier=abc|name=A|version=1|permissions=tabs, storage,tabs|state=1|from_webstore=true", "chrome_extensions|identifier=def|state=0", "firefox_addons|identifier=u@x|type=extension|active=1|disabled=1|creator=C", "firefox_addons|identifier=t|type=theme"},
			`{"browser_extensions":[{"browser":"edge","enabled":true,"from_store":true,"identifier":"abc","name":"A","permissions":["storage","tabs"],"version":"1"},{"browser":"chrome","enabled":false,"identifier":"def"},{"author":"C","browser":"firefox","enabled":false,"identifier":"u@x"}]}`,
		},
		{
			"certificates",
			[]string{
				"certificates|common_name=d14a|subject=/DC=org/DC=example/CN=d14a|issuer=/DC=net/DC=windows/CN=MS-Organization-Access/OU=82db|sha1=ABCDEF0123456789ABCDEF0123456789ABCDEF01|not_valid_before=1556232938|not_valid_after=1871852138|ca=0|self_signed=0",
				"certificates|common_name=b|issuer=Microsoft Intune MDM Device CA|sha1=abcdef0123456789abcdef0123456789abcdef02", "certificates|common_name=c|sha1=zz",
			},
			`{"certificates":[{"common_name":"d14a","domain":"org.example","is_ca":false,"is_self_signed":false,"sha_1":"abcdef0123456789abcdef0123456789abcdef01","signed_by":{"common_name":"MS-Organization-Access","domain":"net.windows","organizational_unit":"82db"},"valid_from":"2019-04-25T22:55:38","valid_until":"2029-04-25T22:55:38"},{"common_name":"b","sha_1":"abcdef0123456789abcdef0123456789abcdef02","signed_by":{"common_name":"Microsoft Intune MDM Device CA"}}]}`,
		},
		{
			"the first user of Company Portal that is whole",
			[]string{"company_portal|path=/Users/b|key=aadUniqueId|value=u2", "company_portal|path=/Users/b|key=aadUserId|value=b@example.org", "company_portal|path=/Users/b|key=version|value=1.1", "company_portal|path=/Users/b|key=aadAuthorityUrl|value=https://login.example", "company_portal|path=/Users/a|key=aadUniqueId|value=u1"},
			`{"principal_user":{"principal_name":"b@example.org","source":{"properties":{"azure_ad_authority_url":"https://login.example","version":"1.1"},"type":"COMPANY_PORTAL"},"unique_id":"u2"}}`,
		},
		{
			"an instance of EC2, whole or not at all",
			[]string{"ec2_instance_metadata|instance_id=i-1", "ec2_instance_metadata|instance_id=i-0abc|instance_type=t3.large|architecture=x86_64|region=eu-central-1|availability_zone=eu-central-1b|local_hostname=ip-10|mac=0a:1b|ami_id=ami-1|reservation_id=r-1|account_id=123456789012", "ec2_instance_tags|key=Env|value=prod", "ec2_instance_tags|key=Empty|value="},
			`{"ec2_instance_metadata":{"account_id":"123456789012","ami_id":"ami-1","architecture":"x86_64","availability_zone":"eu-central-1b","instance_id":"i-0abc","instance_type":"t3.large","local_hostname":"ip-10","mac":"0a:1b","region":"eu-central-1","reservation_id":"r-1"},"ec2_instance_tags":[{"key":"Env","value":"prod"}]}`,
		},
		{"unknown rows", []string{"processes|pid=1", ""}, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			facts := FactsOf(rowsOf(tt.rows...))
			got, err := asset.JSON(facts.Snapshot)
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
			if _, err := snapshot.Split(facts.Snapshot); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUptimeIsNoPartOfTheSnapshot(t *testing.T) {
	t.Parallel()
	facts := FactsOf(rowsOf("uptime|total_seconds=4242"))
	if facts.Uptime == nil || *facts.Uptime != 4242 {
		t.Errorf("got %v, want 4242", facts.Uptime)
	}
	if facts := FactsOf(rowsOf("uptime|total_seconds=-1")); facts.Uptime != nil {
		t.Errorf("got %d, want nothing", *facts.Uptime)
	}
}

func TestEqualRowsCountOnce(t *testing.T) {
	t.Parallel()
	facts := FactsOf(rowsOf("disks|name=sda|size=1", "disks|name= sda|size=1", "disks|name=sdb|size=1"))
	sections, err := snapshot.Split(facts.Snapshot)
	if err != nil || len(sections["disks"].Assets) != 2 {
		t.Errorf("got %v, %v, want two disks", sections["disks"], err)
	}
}

// tableNames finds what follows FROM and JOIN.
var tableNames = regexp.MustCompile(`(?:FROM|JOIN) ([a-z0-9_]+)`)

func TestStatementsSayWhatTheyRead(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"linux", "darwin", "windows"} {
		seen := map[string]bool{}
		for _, q := range Queries(system) {
			if seen[q.Name] {
				t.Errorf("%s: %s comes twice", system, q.Name)
			}
			seen[q.Name] = true
			if _, ok := readers[q.Name]; !ok {
				t.Errorf("%s: nobody reads the rows of %s", system, q.Name)
			}
			if _, ok := snapshot.KindOf(q.Kind); !ok && q.Kind != "" {
				t.Errorf("%s: %s fills no kind %s", system, q.Name, q.Kind)
			}
			if !strings.HasPrefix(q.SQL, "SELECT '"+q.Name+"' AS table_name") {
				t.Errorf("%s: rows of %s do not say so", system, q.Name)
			}
			var read []string
			for _, found := range tableNames.FindAllStringSubmatch(q.SQL, -1) {
				read = append(read, found[1])
			}
			slices.Sort(read)
			want := slices.Sorted(slices.Values(q.Tables))
			if !slices.Equal(read, want) {
				t.Errorf("%s: %s reads %v, says %v", system, q.Name, read, want)
			}
		}
	}
}

func FuzzFactsOf(f *testing.F) {
	for name := range readers {
		f.Add(name, "name", "x", "sha1", "aa")
	}
	f.Add("certificates", "issuer", "/CN=a/O=b/c,=,", "sha1", "abcdef0123456789abcdef0123456789abcdef01")
	f.Add("certificates", "subject", "CN=a, O=b, c", "sha1", "abcdef0123456789abcdef0123456789abcdef01")
	f.Add("os_version", "major", "10", "build", "19D76")
	f.Add("windows_build", "build", "22631", "revision", "\xff")
	f.Add("programs", "install_date", "20240815", "name", "\x00a\xff")
	f.Add("rpm_packages", "install_time", "9999999999999", "name", "a")
	f.Fuzz(func(t *testing.T, table, column, value, second, other string) {
		rows := []map[string]string{{"table_name": table, column: value, second: other}, {"table_name": "disks", "name": value, "size": other}}
		facts := FactsOf(rows)
		if _, err := snapshot.Split(facts.Snapshot); err != nil {
			t.Errorf("%v cannot be reported: %v", rows, err)
		}
	})
}
