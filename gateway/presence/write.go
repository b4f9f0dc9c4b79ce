package presence

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// marksRun is how many marks one job writes.
const marksRun = 1000

// write starts a job for what is to be marked and compared, if none is under way: one at
// a time, so that the broker has in the end what was written last. Nothing is written
// before the node has a lease.
func (k *Keeper) write(now time.Time) {
	if k.writing || !k.leased || now.Before(k.pause) {
		return
	}
	marks, repairs := k.marks(marksRun), k.repairs(now)
	if len(marks)+len(repairs) == 0 {
		return
	}
	k.writing = true
	k.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(k.ctx, patience)
		defer cancel()
		failed := k.announce(ctx, marks)
		unknown := k.compare(ctx, repairs)
		k.post(func() { k.wrote(marks, failed, repairs, unknown) })
	})
}

// announce marks, and then says so in the groups' streams of changes. Called in a job.
func (k *Keeper) announce(ctx context.Context, marks []broker.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	if err := k.broker.Mark(ctx, k.config.Node, marks, kept); err != nil {
		return err
	}
	messages := announcements(k.config.Node, marks)
	outcomes := make(chan broker.Outcome, len(messages))
	batch := make([]broker.Publication, len(messages))
	for i, m := range messages {
		batch[i] = broker.Publication{Message: m, Receipt: broker.Receipt{To: outcomes, Asked: true}}
	}
	taken, err := k.broker.Publish(batch)
	for range taken {
		select {
		case o := <-outcomes:
			err = errors.Join(err, o.Err)
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}

// compare reads what the broker has of lists, and has them kept. Called in a job.
func (k *Keeper) compare(ctx context.Context, all []repair) error {
	for i := range all {
		r := &all[i]
		stored, err := k.present(ctx, r.group, []string{k.config.Node})
		if err == nil && len(r.keep) > 0 {
			err = k.broker.Mark(ctx, k.config.Node, r.keep, kept)
		}
		if err != nil {
			return err
		}
		r.stored = stored
	}
	return nil
}

// wrote takes what became of a job.
func (k *Keeper) wrote(marks []broker.Mark, failed error, repairs []repair, unknown error) {
	k.writing = false
	k.marked(marks, failed)
	k.compared(repairs, unknown)
	if failed == nil {
		k.counts.marks.Add(len(marks))
	}
	if err := errors.Join(failed, unknown); err != nil {
		k.pause = time.Now().Add(again)
		k.counts.writeErrors.Inc()
		k.config.Log.Debug("who has come and gone could not be written; it is tried again", slog.Any("error", err))
		// Not all of what failed need be missing, and not only that: compare.
		k.repairAll()
	}
	k.signal()
}

// farewell is how long the end may take.
const farewell = 3 * time.Second

// finish marks who has gone. Called after run has ended, when the loops have, too.
func (k *Keeper) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	k.inbox.run()
	for i := range k.intakes {
		k.take(i)
	}
	for k.leased {
		marks := k.marks(marksRun)
		if len(marks) == 0 || k.announce(ctx, marks) != nil {
			break
		}
	}
}
