package main

// intro takes the runs of a cell of both kinds, the seed, and the number of cells.
const intro = `# What a verdict is worth
Written by 'make bench-canary'; exit code 1 if the claim fails. %d releases in each cell of versions that are
no worse, %d in each other cell, seed %d, %d cells. Releases take 20 minutes in steps of 5, 10, 25 and 50 %%; α = 1 %%;
a canary may have 1 %% more errors and be a tenth slower (davit's defaults). Bounds are Clopper and Pearson's,
one-sided, 95 %%.

**How.** Counts are drawn, not requests: arrivals Poisson, labels binomial, outcomes binomial and multinomial in
davit's classes of latency (lognormal, median 100 ms, 99th percentile 320 ms). davit's verdicts are those of the package
that releases use, looked at after each cohort. For versions that are no worse a cohort is ten seconds long. A factor
depends on the counts of a cohort and not on its length, so this only looks less often, and the bound is about all looks.
The other rules look at the first 2 000 of these releases.
Where time counts, cohorts begin with a quarter of a second, as davit's do, and grow with the time since the canary turned bad.
A release ends for a rule when the rule has decided. In *counter reset*, *wrong w*, *sticky sessions* and *wandering w* somebody else
splits the traffic or keeps the counts, and davit's test is told so; elsewhere it is davit's own edge.

**The shapes.** *Shared incident*: both versions fail at 40 %% and are three times slower for one to four minutes. *Diurnal*: load and
errors swing by 80 and 90 %%. *Bursty*: ten times the load with five times the errors, for ten seconds at a time. *Sticky
users*: errors belong to users who come back; each of their requests is drawn on its own, as davit's edge does. *Cold start*: three
times slower in the warm-up. *Scrape gap*: two minutes are never counted. *Counter reset*: the canary's counters
restart every three minutes and lose what was not read; that the loss varies within a step is covered by the form that does
not know the split, and not proved for the other. *Wrong w*: from half to twice the promised share reaches the canary. *Just tolerated*:
the canary is worse by just what is allowed, in errors and in latency, where the bound has the least to spare.

**The other rules** are told in this project's words from their sources (internal/release/others): Flagger 99 %% and 0.5 s for
the 99th percentile each minute, threshold 5; Argo Rollouts with the same conditions, failureLimit 3, consecutiveErrorLimit 4; Kayenta's
Mann-Whitney test at 98 %% of the minutes so far, every five minutes. A check without requests fails at Flagger and at Argo
Rollouts. *Tuned*: see below.

`

// equalRates explains what tuning is.
const equalRates = `
## At equal rates of false rollbacks
Rules can be compared where they take back equally many versions that are no worse. So the others are *tuned*, for each rate and
error rate on its own: with limits from 1 % more errors than the live version has to forty times that, from its own 99th percentile
plus a tenth to thirty times as many beyond it, and, for Kayenta, with increases allowed from none to three times the tolerated ones; and
with counts (for Kayenta the level) just high enough to take back no more than 1 % of 1 000 releases *in each of the shapes below*, which
in other releases is about 1 % again (the table of false rollbacks shows the setting that did worst). Of all these settings the tables of
worse versions take, in each row, the one that did best in that row. Nobody can tune like that beforehand: it is more than these rules
could do at best. *davit, tuned* is davit at the level at which it, too, has
1 %; its proved level has less. What is compared is how many of the canary's requests had failed (or were slow) until half of the
releases were rolled back.
`

const foot = `
## Sources
- Flagger: fluxcd/flagger, pkg/controller/scheduler.go and scheduler_metrics.go; docs.flagger.app/usage/metrics.
- Argo Rollouts: argoproj/argo-rollouts, analysis/analysis.go and utils/evaluate/evaluate.go; docs/features/analysis.md.
- Kayenta: spinnaker/kayenta, NetflixACAJudge.scala, MannWhitneyClassifier.scala and EffectSizes.scala.
- The test itself: internal/release/analysis/DESIGN.md.
`
