package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/davit-dev/davit/internal/registry"
	"github.com/davit-dev/davit/internal/release"
)

// pushPlan stores a plan and its evidence beside its image and returns the
// digest of the artifact.
func pushPlan(ctx context.Context, to registry.Remote, plan release.Plan, evidence release.Evidence) (string, error) {
	data, err := plan.Canonical()
	if err != nil {
		return "", err
	}
	side, err := json.Marshal(evidence)
	if err != nil {
		return "", fmt.Errorf("encode evidence: %w", err)
	}
	return to.PushArtifact(ctx, registry.Artifact{
		Type:    release.PlanMediaType,
		Subject: plan.Image.Digest,
		Layers: []registry.ArtifactLayer{
			{MediaType: release.PlanMediaType, Data: data},
			{MediaType: release.EvidenceMediaType, Data: side},
		},
	})
}

// plans reads plans back for the engine.
type plans struct {
	images *registry.Store
}

// Plan implements release.Plans.
func (p plans) Plan(ctx context.Context, repository, stored string) (release.Plan, error) {
	plan, _, err := readPlan(ctx, p.images, repository, stored)
	if errors.Is(err, registry.ErrNotFound) {
		return plan, errors.Join(release.ErrNoPlan, err)
	}
	return plan, err
}

// readPlan is the inverse of pushPlan, on the server's side.
func readPlan(ctx context.Context, images *registry.Store, repo, digest string) (
	plan release.Plan, evidence release.Evidence, err error,
) {
	artifact, err := images.Artifact(ctx, repo, digest)
	if err != nil {
		return plan, evidence, fmt.Errorf("read plan %s: %w", digest, err)
	}
	if artifact.Type != release.PlanMediaType {
		return plan, evidence, fmt.Errorf("%s is of type %q, not a plan", digest, artifact.Type)
	}
	for _, layer := range artifact.Layers {
		switch layer.MediaType {
		case release.PlanMediaType:
			plan, err = release.DecodePlan(layer.Data)
		case release.EvidenceMediaType:
			err = json.Unmarshal(layer.Data, &evidence)
		}
		if err != nil {
			return plan, evidence, fmt.Errorf("read plan %s: %w", digest, err)
		}
	}
	if plan.Image.Repository != repo {
		return plan, evidence, fmt.Errorf("plan %s is for repository %q, it lies in %q", digest, plan.Image.Repository, repo)
	}
	if _, err := images.Manifest(ctx, repo, plan.Image.Digest); err != nil {
		return plan, evidence, fmt.Errorf("read the image of plan %s: %w", digest, err)
	}
	return plan, evidence, nil
}
