package app

import (
	"errors"
	"sync"
)

// inParallel calls fn for all items at once and joins their errors.
func inParallel[T any](items []T, fn func(T) error) error {
	errs := make([]error, len(items))
	var group sync.WaitGroup
	for i, item := range items {
		group.Go(func() { errs[i] = fn(item) })
	}
	group.Wait()
	return errors.Join(errs...)
}
