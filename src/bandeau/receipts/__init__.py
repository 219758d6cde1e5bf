"""What others check receipts with, in a browser: one page, from any disk or server.

`verify.js` is the check itself, `check.js` the page's only touch of the DOM, `page.py`
joins them with `check.html`, `check.css` and `texts.toml` into one file that asks no
network. The page's texts are its own: a notice freezes the texts of locale/, and nobody
is asked anything here.

The same check as one Python file is ledger/verify_receipt.py.
"""
