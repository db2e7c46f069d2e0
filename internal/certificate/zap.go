package certificate

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet is what certmagic logs of, and is said by the Keeper, who has the errors
// that come back and the events, too. The rest is about what only certmagic knows.
var quiet = map[string]bool{"obtain": true, "renew": true, "acme_client": true}

// bridge is a zapcore.Core that writes into a slog.Logger. What certmagic thinks
// worth telling is detail here; its warnings and errors are warnings, since whatever
// it is, it is tried again.
type bridge struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func zapLogger(log *slog.Logger) *zap.Logger { return zap.New(bridge{log: log}) }

// Enabled implements zapcore.LevelEnabler.
func (b bridge) Enabled(l zapcore.Level) bool {
	return b.log.Enabled(context.Background(), level(l, ""))
}

func level(l zapcore.Level, name string) slog.Level {
	if l < zapcore.WarnLevel || quiet[strings.TrimPrefix(name, ".")] {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// With implements zapcore.Core.
func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	b.fields = append(slices.Clip(b.fields), fields...)
	return b
}

// Check implements zapcore.Core.
func (b bridge) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.log.Enabled(context.Background(), level(e.Level, e.LoggerName)) {
		return c.AddCore(e, b)
	}
	return c
}

// Write implements zapcore.Core.
func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range append(slices.Clip(b.fields), fields...) {
		f.AddTo(values)
	}
	args := []any{"by", e.LoggerName}
	for key, value := range values.Fields {
		args = append(args, key, value)
	}
	b.log.Log(context.Background(), level(e.Level, e.LoggerName), e.Message, args...) //nolint:sloglint // the message is certmagic's
	return nil
}

// Sync implements zapcore.Core.
func (b bridge) Sync() error { return nil }
