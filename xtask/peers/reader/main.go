// Command reader reads a log over HTTP as Tessera's own client does: URL ORIGIN VKEY. The checkpoint is verified with
// the key, and each entry of the bundles is proven to be where it says. It prints how many there are.
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx := context.Background()
	root, err := url.Parse(os.Args[1])
	check(err)
	log, err := client.NewHTTPFetcher(root, nil)
	check(err)
	key, err := note.NewVerifier(os.Args[3])
	check(err)
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, log.ReadCheckpoint, key, os.Args[2])
	check(err)
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, log.ReadTile)
	check(err)
	index := uint64(0)
	for index < checkpoint.Size {
		bundle, err := client.GetEntryBundle(ctx, log.ReadEntryBundle, index/256, checkpoint.Size)
		check(err)
		for _, entry := range bundle.Entries {
			path, err := builder.InclusionProof(ctx, index)
			check(err)
			leaf := rfc6962.DefaultHasher.HashLeaf(entry)
			check(proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, path, checkpoint.Hash))
			index++
		}
	}
	fmt.Println(index)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
