// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// maxServiceBytes bounds the list of services; Windows hands out at most 256 KiB at a time.
const maxServiceBytes = 256 << 10

// ServiceStates implements Host.
func (m *Machine) ServiceStates(ctx context.Context) (map[string]bool, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_ENUMERATE_SERVICE)
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	defer windows.CloseServiceHandle(manager) //nolint:errcheck // it was only read
	running := map[string]bool{}
	buf := make([]byte, maxServiceBytes)
	var needed, count, resume uint32
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list services: %w", err)
		}
		err := windows.EnumServicesStatusEx(manager, windows.SC_ENUM_PROCESS_INFO, windows.SERVICE_WIN32,
			windows.SERVICE_STATE_ALL, &buf[0], uint32(len(buf)), &needed, &count, &resume, nil)
		more := errors.Is(err, windows.ERROR_MORE_DATA) && count > 0
		if err != nil && !more {
			return nil, fmt.Errorf("list services: %w", err)
		}
		for _, s := range unsafe.Slice((*windows.ENUM_SERVICE_STATUS_PROCESS)(unsafe.Pointer(&buf[0])), count) {
			name := windows.UTF16PtrToString(s.ServiceName)
			running[name] = s.ServiceStatusProcess.CurrentState == windows.SERVICE_RUNNING
		}
		if !more {
			return running, nil
		}
	}
}
