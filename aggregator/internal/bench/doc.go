// SPDX-License-Identifier: Apache-2.0

// Package bench measures what the budgets promise: real listeners in a process of their own, a durable PostgreSQL,
// synthetic machines. It holds no code but benchmarks. Compare figures of one run only; ratios travel, times do not.
package bench
