from .provenance import ProvenanceClaims as ProvenanceClaims
from .provenance import verify as verify
from .provenance import write_provenance as write_provenance
from .visible_label import Label as Label
