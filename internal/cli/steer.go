package cli

import (
	"context"
	"errors"

	"github.com/davit-dev/davit/internal/api"
)

// steer applies a verb to the first argument and returns the client it used.
func (c *call) steer(ctx context.Context, verb api.Verb) (*api.Client, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	_, err = client.Steer(ctx, verb, c.args[0])
	return client, err
}

// errEnough ends a watch that saw what it waited for.
var errEnough = errors.New("seen enough")
