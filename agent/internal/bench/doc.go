// SPDX-License-Identifier: Apache-2.0

// Package bench measures the agent against what the same work costs at least. It has no code but benchmarks.
package bench
