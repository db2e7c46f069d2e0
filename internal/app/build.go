package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/config"
	"github.com/davit-dev/davit/internal/source"
)

// Build makes the image of a tree with its settings. What the image says of
// its port follows run.port where nothing else is said.
func Build(
	ctx context.Context, tree source.Tree, settings config.Config, progress func(build.Event),
) (*build.Image, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	cfg := settings.Build
	if cfg.Path == "" {
		cfg.Path = "/app/" + settings.Name
	}
	if len(cfg.Expose) == 0 {
		cfg.Expose = []string{strconv.Itoa(settings.Run.Port)}
	}
	builder, err := build.New(cfg, build.Options{Cache: cache, Progress: progress})
	if err != nil {
		return nil, err
	}
	return builder.Build(ctx, tree)
}

// cacheDir is where builds keep what makes the next one fast; it may be removed
// at any time.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w", err)
	}
	return filepath.Join(dir, "davit"), nil
}
