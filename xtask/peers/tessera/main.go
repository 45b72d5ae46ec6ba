// Command tessera measures appends to a Tessera POSIX log, the peer of our own append: DIR CALLERS MILLISECONDS
// prints entries per second with so many callers, then the times from an entry to its inclusion proof in hand.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	dir := os.Args[1]
	callers, _ := strconv.Atoi(os.Args[2])
	millis, _ := strconv.Atoi(os.Args[3])
	ctx := context.Background()
	private, public, err := note.GenerateKey(rand.Reader, "peer")
	check(err)
	signer, err := note.NewSigner(private)
	check(err)
	verifier, err := note.NewVerifier(public)
	check(err)
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	check(err)
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithBatching(uint(callers), 2*time.Millisecond).WithCheckpointInterval(100 * time.Millisecond)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	check(err)

	var done atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for caller := range callers {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := 0; time.Since(start) < time.Duration(millis)*time.Millisecond; n++ {
				_, err := appender.Add(ctx, tessera.NewEntry(entry(caller, n)))()
				if err == nil {
					done.Add(1)
				} else {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	group.Wait()
	fmt.Printf("entries_per_second %.1f\n", float64(done.Load())/time.Since(start).Seconds())

	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 1*time.Millisecond)
	var spans []time.Duration
	for n := range 20 {
		begun := time.Now()
		index, checkpoint, err := await.Await(ctx, appender.Add(ctx, tessera.NewEntry(entry(callers+1, n))))
		check(err)
		signed, err := note.Open(checkpoint, note.VerifierList(verifier))
		check(err)
		var origin string
		var size uint64
		_, err = fmt.Sscanf(signed.Text, "%s\n%d", &origin, &size)
		check(err)
		builder, err := client.NewProofBuilder(ctx, size, reader.ReadTile)
		check(err)
		_, err = builder.InclusionProof(ctx, index.Index)
		check(err)
		spans = append(spans, time.Since(begun))
	}
	sort.Slice(spans, func(a, b int) bool { return spans[a] < spans[b] })
	fmt.Printf("proof_median_us %d\nproof_max_us %d\n", spans[len(spans)/2].Microseconds(), spans[len(spans)-1].Microseconds())
	check(shutdown(ctx))
}

func entry(caller, n int) []byte {
	bytes := make([]byte, 400)
	copy(bytes, fmt.Sprintf("%d %d", caller, n))
	return bytes
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
