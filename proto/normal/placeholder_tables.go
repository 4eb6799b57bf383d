// SPDX-License-Identifier: Apache-2.0

package normal

// placeholderSerials are serial numbers that say nothing, as letterOrDigit leaves them. Sources: SMBIOS tables of
// white-box boards and the defaults of firmware kits, hypervisors and virtual machines.
var placeholderSerials = setOf(
	// words for nothing
	"none", "null", "nullstring", "nil", "na", "not", "no", "nothing", "notavailable", "notapplicable", "notspecified",
	"notset", "notsettable", "notpresent", "notdefined", "notprovided", "notsupported", "notprogrammed", "notassigned",
	"unspecified", "unassigned", "unknown", "unknow", "undefined", "uninitialized", "invalid", "invalidserial",
	"invalidserialnumber", "empty", "blank", "noserial", "noserialnumber", "nosn", "nosystemserialnumber", "missing", "error",
	"false", "true", "any", "other", "reserved", "generic", "nan", "tba", "tbc", "todo", "badindex", "absent", "noasset",
	// what an assembler was to replace
	"default", "defaultstring", "defaultstrings", "defaultserial", "defaultserialnumber", "oem", "oemstring", "oemdefault",
	"oemserial", "oemserialnumber", "oemsn", "tobefilled", "tobefilledbyoem", "tobefilledbyoemonly", "tobefilledbyo", "tobefilledbyoe",
	"tobefilledbyoembymorestring", "tobefilledoem", "tobefillbyoem", "filledbyoem", "filled", "fillbyoem", "filledbyodm",
	"tobefilledbyodm", "tobedefined", "tobedefinedbyoem", "tobedetermined", "tobesetbyoem", "tbd", "tbdbyoem", "placeholder",
	"changeme", "customer", "customserial", "yourserialnumber", "yourserialhere", "enterserialnumber", "insertserialnumber",
	"typeserialnumber", "manufacturer", "systemmanufacturer", "systemproductname", "productname", "systemname", "systemversion",
	"odm", "odmserial", "ami", "amiserial", "phoenix", "insyde", "award", "intel", "tulipcomputers", "iatpass", "type1systemserialnumber",
	"type2boardserialnumber", "type3chassisserialnumber", "chassisserial", "boardserial", "baseboardserial", "motherboardserial",
	"noenclosure", "rack", "desktop", "notebook", "laptop", "server", "uefi", "bios", "factory", "mfg", "manufacturing",
	// trials, doubles and machines that are none
	"test", "testserial", "testserialnumber", "eval", "evaluation", "evaluationboard", "engineeringsample", "sample", "demo", "dummy",
	"dummyserial", "fake", "fakeserial", "example", "standard", "standardpc", "prototype", "virtual", "virtualmachine", "vm", "qemu",
	"kvm", "vmware", "vmwarevirtualplatform", "virtualbox", "vbox", "innotek", "innotekgmbh", "hyperv", "xen", "bochs", "bhyve",
	"parallels", "openstack", "ovirt", "foo", "foobar", "bar", "asdf", "asdfgh", "qwerty", "qwertyuiop", "w00000000001",
	"m0000000000000001", "c02tm2zbhx87", "sn123456fvgv3i0b8o5n6n7k",
	// numbers that nobody drew
	"123", "abc", "abc123", "abc1234", "abc12345", "abcd1234", "abcd12345", "123abc", "1234abcd", "12345abcde",
	"a1b2c3", "a1b2c3d4", "a1b2c3d4e5", "a1b2c3d4e5f6", "1a2b3c", "1a2b3c4d", "1a2b3c4d5e", "1a2b3c4d5e6f", "112233", "11223344",
	"1122334455", "112233445566", "00112233445566778899", "00112233445566778899aabbccddeeff", "123123", "123123123", "123321", "12344321",
	"1234512345", "123456789000", "12345678900", "1234567890000", "123456780", "012345678910", "1234567891", "12345678910", "1234567891011",
	"0102030405", "010203040506", "01020304050607", "0102030405060708", "deadbeef", "deadbeefcafe", "cafebabe", "badc0de", "c0ffee", "03142563",
)

// serialLabels are words that name the field; what follows them may be a filler of its own: SN-12345, SYS-1234567890.
var serialLabels = []string{
	"serial", "serialno", "serialnum", "serialnumber", "sn", "ssn", "bsn", "csn", "msn", "psn", "mb", "bss", "sys", "nb", "vmware",
	"systemserial", "systemserialno", "systemserialnum", "systemserialnumb", "systemserialnumbe", "systemserialnumber", "systemsn", "sysserial",
	"sysserialnumber", "chassisserialnumber", "chassissn", "boardserialnumber", "boardsn", "baseboardserialnumber", "productserial",
	"productserialnumber", "machineserialnumber", "motherboardserialnumber", "enclosureserialnumber", "deviceserialnumber",
	"computerserialnumber", "biosserialnumber", "biosserial", "xserialnumber", "xxxxserialnumber", "oem",
	"default", "atn",
}

// constantUUIDs are product UUIDs found in many machines, in one order of their bytes: firmware kits' defaults, a vendor's
// formula applied to an empty service tag, constants that a board's firmware was built with, and examples of documents
// that people copy into the settings of virtual machines.
var constantUUIDs = setOf(
	"03000200-0400-0500-0006-000700080009", "12345678-1234-5678-90ab-cddeefaabbcc", "12345678-1234-1234-1234-123456789abc",
	"12345678-1234-1234-1234-1234567890ab", "12345678-1234-1234-1234-123456789012", "12345678-1234-5678-1234-56789abcdef0",
	"12345678-1234-5678-1234-567890abcdef", "12345678-1234-5678-1234-567890123456", "12345678-1234-5678-9abc-def012345678",
	"12345678-1234-5678-9abc-123456789abc", "12345678-1234-4321-1234-123456789abc", "87654321-4321-4321-4321-210987654321",
	"11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-000000000000", "11112222-3333-4444-5555-666677778888",
	"00000000-0000-0000-0807-060504030201", "aabbccdd-eeff-0011-2233-445566778899", "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
	"4c4c4544-0000-2010-8020-80c04f202020", "4c4c4544-0020-2010-8020-a0c04f202020",
	"6ab5b300-538d-1014-9fb5-b0684d007b53", "8a95d198-7f46-11e5-bf8b-08002704d48e",
	"550e8400-e29b-41d4-a716-446655440000", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	"6ba7b811-9dad-11d1-80b4-00c04fd430c8", "6ba7b812-9dad-11d1-80b4-00c04fd430c8", "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
	"123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426655440000", "c7a5fdbd-edaf-9455-926a-d65c16db1809",
	"4dea22b3-1d52-d8f3-2516-782e98ab3fa0", "deadbeef-dead-beef-cafe-deadbeefcafe", "deadbeef-cafe-babe-dead-beefcafebabe",
	"007076a6-f2a2-4461-bbe5-bad019f8025a",
)

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}
