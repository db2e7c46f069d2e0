package proof

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// copyTree copies a folder without its git repository, which images are not
// built from. Symbolic links stay links; sockets and the like stay behind.
func copyTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.Name() == ".git" && rel != ".":
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return copyFolder(target, entry)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(link, target) //nolint:gosec // the copy is this process's own
		case entry.Type().IsRegular():
			return copyFile(name, target, entry)
		}
		return nil
	})
}

// copyFolder makes a folder that can be written into, whatever the one that it
// stands for allows.
func copyFolder(target string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	return os.MkdirAll(target, info.Mode().Perm()|0o700)
}

func copyFile(name, target string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chtimes(target, info.ModTime(), info.ModTime())
}

// replacePath takes the copy's folder out of a message.
func replacePath(message, folder string) string {
	return strings.ReplaceAll(strings.ReplaceAll(message, folder+string(filepath.Separator), ""), folder, ".")
}
