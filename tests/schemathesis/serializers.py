"""Bodies that are text to schemathesis: it has no writer of its own for them."""

import schemathesis

schemathesis.serializer.alias(["application/x-ndjson", "text/csv"], "text/plain")
