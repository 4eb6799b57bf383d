// SPDX-License-Identifier: Apache-2.0

package pack

// Times returns what the edit did to its bucket: the first byte of the digests whose times it has, the times that went
// and those that came, in the order of the list. Nobody may change them.
func (e *TimesEdit) Times() (bucket byte, gone, came []int64) { return e.bucket, e.old, e.fresh }
