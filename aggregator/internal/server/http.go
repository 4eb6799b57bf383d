// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log/slog"
	"net/http"
	"time"
)

// Bounds of an HTTP connection. A client that sends or reads too slowly loses it; a handler that streams for longer
// moves its own write deadline on.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 5 * time.Minute // of a whole request: a first snapshot over a slow line
	writeTimeout      = 6 * time.Minute // counted from the end of the header, so it includes the reading
	idleTimeout       = 15 * time.Minute
	maxHeaderBytes    = 32 << 10
	maxStreams        = 250 // of one HTTP/2 connection
)

// newHTTP returns the server of the main listener: HTTP/1.1 and HTTP/2, the latter also without TLS.
func newHTTP(o Options) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(o.CertFile == "")
	return &http.Server{
		Handler:           newHandler(o),
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingInterval, PingTimeout: pingTimeout},
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		ConnContext:       born,
		MaxHeaderBytes:    maxHeaderBytes,
		// What net/http says about connections: mostly clients that do not speak TLS, or not our protocol.
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
}
