from .convert import ExportReport as ExportReport
from .convert import ImportReport as ImportReport
from .convert import export_faceset as export_faceset
from .convert import import_faceset as import_faceset
from .face_types import FaceType as FaceType
