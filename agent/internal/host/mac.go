// SPDX-License-Identifier: Apache-2.0

package host

// Program is one question that only a program of macOS answers. The list is fixed: nothing else is ever started.
type Program string

// The programs and their arguments.
const (
	// PlatformExpert prints the registry entry of the computer itself as a property list.
	PlatformExpert Program = "/usr/sbin/ioreg -rd1 -c IOPlatformExpertDevice -a"
	// DiskList prints disks and partitions as a property list.
	DiskList Program = "/usr/sbin/diskutil list -plist"
	// APFSList prints APFS containers and volumes, FileVault included, as a property list.
	APFSList Program = "/usr/sbin/diskutil apfs list -plist"
	// ProfileList prints the installed configuration profiles as a property list.
	ProfileList Program = "/usr/bin/profiles show -output stdout-xml"
	// SystemCertificates prints the certificates of the system's keychain as PEM.
	SystemCertificates Program = "/usr/bin/security find-certificate -a -p /Library/Keychains/System.keychain"
)
