// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// ownACL lets in the system, administrators and the owner, inherited by everything inside and by nothing from above:
// below %ProgramData% everybody may read, and the credential lies here.
const ownACL = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"

// makeFolder makes the state folder, for its owner alone. One that is there already is taken over when the process may
// do that: anybody may have made it below %ProgramData% before the agent came.
func makeFolder(path string) error {
	err := os.MkdirAll(path, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
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

// adopt does nothing: what is made in the folder inherits its access list.
func adopt(*os.Root, *os.File) error { return nil }
