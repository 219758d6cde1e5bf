"""What was answered, kept for good: records, the stores that hold them, and their order.

`record` is pure and says what one record is. `store` is the promise that every store
keeps; `sqlite` keeps it on one file and `postgres` in a database, and `places` opens
whichever is named. `sequencer` gives the callers of a running collector their turn, many
to a transaction.

What makes it provable is pure too: `entries` says what stands in the public log,
`merkle` and `tiles` are its tree, `note` signs it, and `growing` checks what is added
before it is signed. `logs` is what a store promises that keeps them, `sqlite_logs` keeps
them, and `log` lets them grow. `fsck` checks a whole one,
and `export` copies it into files that anybody may have.

`policy` says whom to believe, and `proof` is the receipt that anyone can check;
`verify_receipt` is the same check for those who would rather not install us, and imports
nothing of ours. `spelling` reads their words.

Others vouch for it: `witnessing`, pure, is what a log and a witness say to each other,
`witness_client` asks and `feeder` asks again. `timestamps` are an authority's. `keys` is
the file with the seed that all signing begins with.
"""
