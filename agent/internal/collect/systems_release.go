// SPDX-License-Identifier: Apache-2.0

//go:build release

package collect

const everySystem = false
