"""What was answered, kept for good: records, the stores that hold them, and their order.

`record` is pure and says what one record is. `store` is the promise that every store
keeps; `sqlite` keeps it on one file and `postgres` in a database, and `places` opens
whichever is named. `sequencer` gives the callers of a running
collector their turn, many to a transaction.

What makes it provable is pure too: `entries` says what stands in the public log,
`merkle` and `tiles` are its tree, `note` signs it, `policy` says whom to believe, and
`proof` is the receipt that anyone can check. `spelling` reads their words.
"""
