// SPDX-License-Identifier: Apache-2.0

// Package osquerytest stands in for an osqueryd: it serves the extension manager's interface on a socket and answers
// statements with what it is told.
package osquerytest

import (
	"context"
	"net"
	"regexp"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/osquery/osquery-go/gen/osquery"
)

// Answer is what a statement gets.
type Answer struct {
	Rows []map[string]string `json:"rows"`
	// Error makes the statement fail with this message.
	Error string `json:"error"`
	// Until, where set, holds the answer back until it is closed.
	Until <-chan struct{} `json:"-"`
}

// Daemon answers statements. Answers are by the table_name that a statement gives its rows; it offers the tables that the
// statements with an answer could read, and further ones.
type Daemon struct {
	osquery.ExtensionManager // nil: nobody calls the others

	Answers map[string]Answer
	Tables  []string
}

// Serve answers on a unix socket until the returned function is called.
func (d *Daemon) Serve(socket string) (stop func(), err error) {
	address, err := net.ResolveUnixAddr("unix", socket)
	if err != nil {
		return nil, err
	}
	listener := thrift.NewTServerSocketFromAddrTimeout(address, 0)
	if err := listener.Listen(); err != nil {
		return nil, err
	}
	server := thrift.NewTSimpleServer4(osquery.NewExtensionManagerProcessor(d), listener,
		thrift.NewTBufferedTransportFactory(64<<10), thrift.NewTBinaryProtocolFactoryConf(nil))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve() // it ends with Stop
	}()
	return func() {
		_ = server.Stop() // there is nothing to lose
		<-ended
	}, nil
}

// named finds the table_name of a statement's rows.
var named = regexp.MustCompile(`SELECT '([a-z0-9_]+)' AS table_name`)

// Query implements osquery.ExtensionManager.
func (d *Daemon) Query(ctx context.Context, sql string) (*osquery.ExtensionResponse, error) {
	if strings.Contains(sql, "osquery_registry") {
		return respond(d.tables()), nil
	}
	found := named.FindStringSubmatch(sql)
	if found == nil {
		return failed("near \"" + sql + "\": syntax error"), nil
	}
	answer, ok := d.Answers[found[1]]
	if !ok {
		return respond(nil), nil
	}
	if answer.Until != nil {
		select {
		case <-answer.Until:
		case <-ctx.Done():
		}
	}
	if answer.Error != "" {
		return failed(answer.Error), nil
	}
	for _, row := range answer.Rows {
		row["table_name"] = found[1]
	}
	return respond(answer.Rows), nil
}

// tables is the registry.
func (d *Daemon) tables() []map[string]string {
	var out []map[string]string
	for _, name := range d.Tables {
		out = append(out, map[string]string{"name": name})
	}
	return out
}

func respond(rows []map[string]string) *osquery.ExtensionResponse {
	return &osquery.ExtensionResponse{Status: &osquery.ExtensionStatus{Message: "OK"}, Response: rows}
}

func failed(message string) *osquery.ExtensionResponse {
	return &osquery.ExtensionResponse{Status: &osquery.ExtensionStatus{Code: 1, Message: message}}
}
