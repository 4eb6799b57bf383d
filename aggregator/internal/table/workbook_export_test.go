// SPDX-License-Identifier: Apache-2.0

package table

// LimitRows makes sheets full early.
func (b *Workbook) LimitRows(most int) { b.maxRows = most }
