// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// ownACL lets in the system, administrators and the owner, inherited by everything inside and by nothing from above:
// below %ProgramData% everybody may read, and the credential lies here.
const ownACL = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"

// makeFolder makes the state folder, for its owner alone. Anybody may make one below %ProgramData% before the agent comes:
// with privilege, one of a stranger is refused, and any other taken over.
func makeFolder(path string) error {
	err := os.MkdirAll(path, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := plainFolder(path); err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString(ownACL)
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	elevated := windows.GetCurrentProcessToken().IsElevated()
	if elevated {
		if err := trustedOwner(path); err != nil {
			return err
		}
		administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
		if err != nil {
			return err
		}
		return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
			windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION,
			administrators, nil, dacl, nil)
	}
	// A folder of somebody else stays as it is: what may be done in it, the first write says.
	_ = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	return nil
}

// trustedOwner refuses a folder that somebody without privilege made: an identity may lie in it that is not ours.
func trustedOwner(path string) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	us, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if owner.Equals(us.User.Sid) {
		return nil
	}
	return fmt.Errorf("%s belongs to %s, neither to administrators nor to the system: remove it", path, owner)
}

// plainFolder refuses a link or a junction: whoever made it would choose whose access list is changed.
func plainFolder(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
		return fmt.Errorf("%s is not a folder but leads elsewhere: remove it", path)
	}
	return nil
}

// noWait is not needed: named pipes lie elsewhere.
const noWait = 0

// onlyName has nothing to tell: only who may write in the folder can give a file of it a second name.
func onlyName(fs.FileInfo) bool { return true }

// remove deletes a file of the folder, by its path: only who may do anything here can lay links in the folder, and wine does
// not know how os.Root deletes.
func remove(root *os.Root, name string) error { return os.Remove(filepath.Join(root.Name(), name)) }

// adopt does nothing: what is made in the folder inherits its access list.
func adopt(*os.Root, *os.File) error { return nil }
