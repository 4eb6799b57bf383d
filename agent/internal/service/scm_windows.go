// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	// Name is the service's key; the MSI uses the same.
	Name        = "RollcallAgent"
	displayName = "Rollcall Agent"
	description = "Collects the inventory of this machine and reports what changed."

	// restartAfter and forgiveAfter say how the service manager treats an agent that ends by itself.
	restartAfter = time.Minute
	forgiveAfter = 24 * time.Hour
	// stopLimit bounds the wait for a service that is told to stop.
	stopLimit = 30 * time.Second
	stopPoll  = 200 * time.Millisecond

	eventID = 1
)

// Install registers the program as a service that starts with the system, with these arguments, and its event source.
func Install(args ...string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer manager.Disconnect() //nolint:errcheck // nothing is lost with the handle
	s, err := manager.CreateService(Name, program, mgr.Config{
		DisplayName: displayName, Description: description,
		StartType: mgr.StartAutomatic,
	}, args...)
	if err != nil {
		return fmt.Errorf("service %s: %w", Name, err)
	}
	defer s.Close()
	if err := comeBack(s); err != nil {
		return fmt.Errorf("recovery of %s: %w", Name, err)
	}
	// It may be there already; without it the event log shows the same text with an apology around it.
	_ = eventlog.InstallAsEventCreate(Name, eventlog.Info|eventlog.Warning|eventlog.Error)
	return nil
}

// comeBack has the service manager start a service again that crashed, or that ended with an error.
func comeBack(s *mgr.Service) error {
	again := []mgr.RecoveryAction{{Type: mgr.ServiceRestart, Delay: restartAfter}}
	if err := s.SetRecoveryActions(again, uint32(forgiveAfter/time.Second)); err != nil {
		return err
	}
	err := s.SetRecoveryActionsOnNonCrashFailures(true)
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) { // not Windows itself: wine
		return nil
	}
	return err
}

// comeBackOnceInstalled is comeBack for a service that another program registered, the installer, which has no word for it.
func comeBackOnceInstalled() error {
	manager, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer manager.Disconnect() //nolint:errcheck // nothing is lost with the handle
	s, err := manager.OpenService(Name)
	if err != nil {
		return err
	}
	defer s.Close()
	return comeBack(s)
}

// Uninstall stops the service and removes it and its event source.
func Uninstall(ctx context.Context) error {
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer manager.Disconnect() //nolint:errcheck // nothing is lost with the handle
	s, err := manager.OpenService(Name)
	if err != nil {
		return fmt.Errorf("service %s: %w", Name, err)
	}
	defer s.Close()
	if err := stop(ctx, s); err != nil {
		return fmt.Errorf("stop %s: %w", Name, err)
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("service %s: %w", Name, err)
	}
	_ = eventlog.Remove(Name) // it may never have been there
	return nil
}

// stop tells a service to stop and waits for it.
func stop(ctx context.Context, s *mgr.Service) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	status, err := s.Control(svc.Stop)
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return nil
	}
	ticker := time.NewTicker(stopPoll)
	defer ticker.Stop()
	for err == nil && status.State != svc.Stopped {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		status, err = s.Query()
	}
	return err
}

// Run runs work under the service manager that started the process, and ends its context when the manager says stop or
// the system goes down. Started by anybody else it returns an error.
func Run(ctx context.Context, work func(context.Context) error) error {
	h := &handler{ctx: ctx, work: work}
	err := svc.Run(Name, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errors.New("only the service manager starts this; use the command run")
	}
	return errors.Join(err, h.err)
}

// handler speaks the service manager's protocol.
type handler struct {
	ctx  context.Context //nolint:containedctx // the interface of svc has no room for it
	work func(context.Context) error
	err  error
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	done := make(chan error, 1)
	const accepts = svc.AcceptStop | svc.AcceptShutdown
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	go func() {
		_ = comeBackOnceInstalled() // an account that may not change the service runs as well
		done <- h.work(ctx)
	}()
	for {
		select {
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopLimit / time.Millisecond)}
				cancel()
			}
		case h.err = <-done:
			if h.err != nil {
				return true, 1
			}
			return false, 0
		}
	}
}

// EventWriter returns a writer whose every Write becomes an entry of the event log: a line of slog with its level. The
// event log keeps it; a service has no terminal.
func EventWriter() (*Events, error) {
	log, err := eventlog.Open(Name)
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	return &Events{log: log}, nil
}

// Events writes to the event log. It is safe for concurrent use.
type Events struct{ log *eventlog.Log }

// Write implements io.Writer.
func (e *Events) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	report := e.log.Info
	switch {
	case bytes.Contains(line, []byte("level=ERROR")), bytes.Contains(line, []byte(`"level":"ERROR"`)):
		report = e.log.Error
	case bytes.Contains(line, []byte("level=WARN")), bytes.Contains(line, []byte(`"level":"WARN"`)):
		report = e.log.Warning
	}
	if err := report(eventID, text); err != nil {
		return 0, err
	}
	return len(line), nil
}
