// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Levels of detail, flags and answers of the functions for accounts.
//
// Source: lmaccess.h, lmerr.h.
const (
	groupLevel       = 1
	memberLevel      = 3
	userLevel        = 20
	normalAccounts   = 2 // FILTER_NORMAL_ACCOUNT
	accountDisabled  = 2 // UF_ACCOUNTDISABLE
	preferredLength  = 1<<32 - 1
	maxAccountsAtAll = 100_000

	domainController = 2 // VER_NT_DOMAIN_CONTROLLER of winnt.h
)

// userInfo20 is USER_INFO_20.
type userInfo20 struct {
	name, fullName, comment *uint16
	flags, userID           uint32
}

// groupInfo1 is LOCALGROUP_INFO_1.
type groupInfo1 struct{ name, comment *uint16 }

// memberInfo3 is LOCALGROUP_MEMBERS_INFO_3.
type memberInfo3 struct{ domainAndName *uint16 }

var (
	netapi32                = windows.NewLazySystemDLL("netapi32.dll")
	netLocalGroupEnum       = netapi32.NewProc("NetLocalGroupEnum")
	netLocalGroupGetMembers = netapi32.NewProc("NetLocalGroupGetMembers")
)

// Accounts implements Host. On a domain controller the accounts are those of the domain, and none are listed: they are
// not the machine's.
//
// Source: NetUserEnum, NetLocalGroupEnum and NetLocalGroupGetMembers in Microsoft's documentation.
func (m *Machine) Accounts(ctx context.Context) ([]Account, []AccountGroup, error) {
	if windows.RtlGetVersion().ProductType == domainController {
		return nil, nil, nil
	}
	machine, err := windows.ComputerName()
	if err != nil {
		return nil, nil, fmt.Errorf("list accounts: %w", err)
	}
	accounts, err := listAccounts(ctx, machine)
	if err != nil {
		return nil, nil, fmt.Errorf("list accounts: %w", err)
	}
	groups, err := listGroups(ctx, machine)
	if err != nil {
		return nil, nil, fmt.Errorf("list groups: %w", err)
	}
	return accounts, groups, nil
}

// listAccounts lists the machine's own accounts. They are looked up with the machine's name before theirs, because an
// account may be called like the machine.
func listAccounts(ctx context.Context, machine string) ([]Account, error) {
	var accounts []Account
	err := pages(ctx, func(buf **byte, read, resume *uint32) error {
		var total uint32
		return windows.NetUserEnum(nil, userLevel, normalAccounts, buf, preferredLength, read, &total, resume)
	}, func(buf *byte, n uint32) {
		for _, u := range unsafe.Slice((*userInfo20)(unsafe.Pointer(buf)), n) {
			name := windows.UTF16PtrToString(u.name)
			accounts = append(accounts, Account{
				Name: name, FullName: windows.UTF16PtrToString(u.fullName), Comment: windows.UTF16PtrToString(u.comment),
				SID: sidOf(machine+`\`+name, name), Disabled: u.flags&accountDisabled != 0,
			})
		}
	})
	return accounts, err
}

// listGroups lists the machine's own groups.
func listGroups(ctx context.Context, machine string) ([]AccountGroup, error) {
	var groups []AccountGroup
	err := pages(ctx, func(buf **byte, read, resume *uint32) error {
		var total uint32
		at := uintptr(*resume) // as wide as a pointer, unlike that of NetUserEnum
		err := callNet(netLocalGroupEnum, 0, groupLevel, uintptr(unsafe.Pointer(buf)), preferredLength,
			uintptr(unsafe.Pointer(read)), uintptr(unsafe.Pointer(&total)), uintptr(unsafe.Pointer(&at)))
		*resume = uint32(at)
		return err
	}, func(buf *byte, n uint32) {
		for _, g := range unsafe.Slice((*groupInfo1)(unsafe.Pointer(buf)), n) {
			name := windows.UTF16PtrToString(g.name)
			groups = append(groups, AccountGroup{Name: name, Comment: windows.UTF16PtrToString(g.comment), SID: sidOf(name)})
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range groups {
		if groups[i].Members, err = listMembers(ctx, machine, groups[i].Name); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// listMembers lists the members of one group; one that Windows cannot name any more is named by its SID.
func listMembers(ctx context.Context, machine, group string) ([]string, error) {
	name, err := windows.UTF16PtrFromString(group)
	if err != nil {
		return nil, err
	}
	var members []string
	err = pages(ctx, func(buf **byte, read, resume *uint32) error {
		var total uint32
		at := uintptr(*resume)
		err := callNet(netLocalGroupGetMembers, 0, uintptr(unsafe.Pointer(name)), memberLevel, uintptr(unsafe.Pointer(buf)),
			preferredLength, uintptr(unsafe.Pointer(read)), uintptr(unsafe.Pointer(&total)), uintptr(unsafe.Pointer(&at)))
		*resume = uint32(at)
		return err
	}, func(buf *byte, n uint32) {
		for _, m := range unsafe.Slice((*memberInfo3)(unsafe.Pointer(buf)), n) {
			full := windows.UTF16PtrToString(m.domainAndName)
			if domain, local, ok := strings.Cut(full, `\`); ok && strings.EqualFold(domain, machine) {
				full = local
			}
			members = append(members, full)
		}
	})
	slices.Sort(members)
	return members, err
}

// pages asks until there is no more, and gives every answer's memory back.
func pages(ctx context.Context, ask func(buf **byte, read, resume *uint32) error, use func(buf *byte, n uint32)) error {
	var resume, all uint32
	for all < maxAccountsAtAll {
		if err := ctx.Err(); err != nil {
			return err
		}
		var buf *byte
		var read uint32
		err := ask(&buf, &read, &resume)
		more := errors.Is(err, windows.ERROR_MORE_DATA) && read > 0
		if buf != nil {
			if err == nil || more {
				use(buf, read)
			}
			_ = windows.NetApiBufferFree(buf) // nothing could be done about it
		}
		if !more {
			return err
		}
		all += read
	}
	return nil
}

// callNet calls a function that returns its error. What its arguments point to stays where it is until then.
//
//go:uintptrescapes
func callNet(p *windows.LazyProc, args ...uintptr) error {
	if err := p.Find(); err != nil {
		return err
	}
	if r, _, _ := p.Call(args...); r != 0 {
		return windows.Errno(r)
	}
	return nil
}

// sidOf is the security identifier of an account or a group by the first name that Windows knows as one's; empty when it
// knows none.
func sidOf(names ...string) string {
	for _, name := range names {
		sid, _, use, err := windows.LookupSID("", name)
		if err == nil && use != windows.SidTypeDomain {
			return sid.String()
		}
	}
	return ""
}
