// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

const (
	stateFormat = "rollcall-fleetsim state 1"
	// counterLead is added to every counter when the state is read: more requests than a machine makes between two times
	// that the state is saved, so that a run that was killed never falls behind.
	counterLead = 1000
	// recognised is how many machines have to be as they were.
	recognised = 10
	// maxStateLine bounds a line of the file.
	maxStateLine = 64 << 10
)

// stateHead is the first line of a state file: which fleet it is of.
type stateHead struct {
	Format    string `json:"format"`
	Seed      uint64 `json:"seed"`
	Catalogue string `json:"catalogue"`
	Machines  int    `json:"machines"` // without copies
	Copies    int    `json:"copies"`
}

// stateLine is one machine.
type stateLine struct {
	Index      int    `json:"i"`
	Serial     string `json:"serial_number"`
	Credential string `json:"credential"`
	Instance   string `json:"instance"`
	Counter    uint64 `json:"counter"`
	Day        int    `json:"day"`
	Root       string `json:"root,omitempty"`
}

func (r *Runner) head() stateHead {
	copies := 0
	for _, m := range r.machines {
		if m.clone {
			copies++
		}
	}
	return stateHead{
		Format: stateFormat, Seed: r.options.Seed, Catalogue: r.options.Catalogue,
		Machines: len(r.machines) - copies, Copies: copies,
	}
}

// fits tells why a state file is not of this fleet. Without copies the fleet may have grown or shrunk.
func (h stateHead) fits(file stateHead) error {
	switch {
	case file.Format != h.Format:
		return fmt.Errorf("it is not a state file of this version (%q)", file.Format)
	case file.Seed != h.Seed:
		return fmt.Errorf("it is of seed %d, not %d", file.Seed, h.Seed)
	case file.Catalogue != h.Catalogue:
		return fmt.Errorf("it is of a fleet made from %q, not %q", file.Catalogue, h.Catalogue)
	case file.Copies+h.Copies > 0 && file != h:
		return fmt.Errorf("it is of %d machines and %d copies, not %d and %d", file.Machines, file.Copies, h.Machines, h.Copies)
	}
	return nil
}

// load reads the state file; one that does not exist yet is no error.
func (r *Runner) load() error {
	file, err := os.Open(r.options.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	err = r.read(file)
	if err == nil {
		err = r.recognise()
	}
	if err != nil {
		return fmt.Errorf("state file %s: %w", r.options.StateFile, err)
	}
	return nil
}

// recognise tells whether some of the acknowledged roots are those of this program's machines: another version of it may
// make others of the same seed.
func (r *Runner) recognise() error {
	left := recognised
	for i, m := range r.machines {
		if m.m.day < 0 {
			continue
		}
		root, err := r.options.Fleet.Machine(i).Root(m.m.day)
		if err != nil {
			return err
		}
		if root != m.m.root {
			return fmt.Errorf("machine %d is another one now: begin anew, with a new state file and database", i)
		}
		if left--; left == 0 {
			break
		}
	}
	return nil
}

func (r *Runner) read(file io.Reader) error {
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxStateLine)
	var head stateHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil {
		return errors.New("it is not a state file")
	}
	if err := r.head().fits(head); err != nil {
		return err
	}
	for n := 2; lines.Scan(); n++ {
		var line stateLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		known, err := line.memory()
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if line.Index < 0 {
			return fmt.Errorf("line %d: machine %d", n, line.Index)
		}
		if line.Index < len(r.machines) {
			r.machines[line.Index].m = known
		}
	}
	return lines.Err()
}

// memory returns what a machine remembers, its counter raised.
func (l stateLine) memory() (memory, error) {
	known := memory{credential: l.Credential, serial: l.Serial, counter: l.Counter + counterLead, day: l.Day}
	instance, err := hex.DecodeString(l.Instance)
	if err != nil || len(instance) != len(known.instance) {
		return memory{}, fmt.Errorf("instance %q is not 32 hexadecimal digits", l.Instance)
	}
	known.instance = [16]byte(instance)
	if l.Day < 0 {
		return known, nil
	}
	root, err := hex.DecodeString(l.Root)
	if err == nil {
		known.root, err = asset.ParseDigest(root)
	}
	if err != nil {
		return memory{}, fmt.Errorf("root: %w", err)
	}
	return known, nil
}

// save writes the state file in one step: whoever reads it sees the old or the new one, whole.
func (r *Runner) save() error {
	if r.options.StateFile == "" {
		return nil
	}
	r.saving.Lock()
	defer r.saving.Unlock()
	file, err := os.CreateTemp(filepath.Dir(r.options.StateFile), ".fleetsim-*") // only its owner may read it
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when all went well
	err = r.write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), r.options.StateFile)
}

func (r *Runner) write(out io.Writer) error {
	buffered := bufio.NewWriterSize(out, 1<<20)
	encoder := json.NewEncoder(buffered)
	if err := encoder.Encode(r.head()); err != nil {
		return err
	}
	for i, m := range r.machines {
		known := m.memory()
		if known.credential == "" {
			continue
		}
		line := stateLine{
			Index: i, Serial: known.serial, Credential: known.credential,
			Instance: hex.EncodeToString(known.instance[:]), Counter: known.counter, Day: known.day,
		}
		if known.day >= 0 {
			line.Root = known.root.String()
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return buffered.Flush()
}
