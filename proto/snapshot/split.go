// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// Split cuts a snapshot into its sections. A kind without assets has no section in the result: whether it is empty or
// was not looked at is for the caller to say. Membership fields become assets of KindInstallTimes; where rows are equal
// but for their times, the earliest one stays, so that the order of rows never matters.
func Split(s *inventoryv1.Snapshot) (Sections, error) {
	m := s.ProtoReflect()
	sections := Sections{}
	var buckets []Asset
	for _, kind := range Kinds() {
		if !m.Has(kind.Field) {
			continue
		}
		f := facts{kind: kind}
		if err := f.add(m.Get(kind.Field)); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Name, err)
		}
		if kind.Name == KindInstallTimes {
			buckets = append(buckets, f.assets...)
			continue
		}
		if len(f.assets) == 0 {
			continue
		}
		section := sectionOf(kind.Name, f.assets)
		sections[kind.Name] = section
		times, err := installTimes(section, f.times)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Name, err)
		}
		buckets = append(buckets, times...)
	}
	if len(buckets) > 0 {
		sections[KindInstallTimes] = sectionOf(KindInstallTimes, buckets)
	}
	return sections, nil
}

// facts are the assets of one kind, in the order of the rows, and the membership fields taken out of them.
type facts struct {
	kind   Kind
	assets []Asset
	times  map[asset.Digest]int64 // seconds since 1970, by the row's digest
}

// add adds what a field of the snapshot holds.
func (f *facts) add(value protoreflect.Value) error {
	if f.kind.Fact == nil {
		return f.addScalar(value.String())
	}
	if f.kind.Single {
		return f.addMessage(value.Message())
	}
	list := value.List()
	f.assets = make([]Asset, 0, list.Len())
	for i := range list.Len() {
		if err := f.addMessage(list.Get(i).Message()); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

// addScalar adds a fact that is one string; free JSON is its own body.
func (f *facts) addScalar(text string) error {
	if !asset.IsFreeJSON(f.kind.Field) {
		body, err := asset.CanonicalScalar(text)
		if err != nil {
			return err
		}
		f.addBody(body)
		return nil
	}
	if err := asset.Validate([]byte(text)); err != nil {
		return err
	}
	if text != "null" && text != "{}" && text != "[]" {
		f.addBody([]byte(text))
	}
	return nil
}

// addMessage adds one row; a row without any value is no fact.
func (f *facts) addMessage(m protoreflect.Message) error {
	body, err := asset.Canonical(m.Interface())
	if err != nil {
		return err
	}
	if string(body) == "{}" {
		return nil
	}
	digest := f.addBody(body)
	seconds, ok, err := membershipTime(m)
	if err != nil || !ok {
		return err
	}
	if f.times == nil {
		f.times = make(map[asset.Digest]int64, cap(f.assets))
	}
	if known, twice := f.times[digest]; !twice || seconds < known {
		f.times[digest] = seconds
	}
	return nil
}

// addBody adds an asset and returns its digest.
func (f *facts) addBody(body []byte) asset.Digest {
	a := Asset{Digest: asset.Of(f.kind.Name, body), Body: body}
	f.assets = append(f.assets, a)
	return a.Digest
}
