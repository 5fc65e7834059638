"""From canonical maps to pictures: camera, pose, mesh, light, rasterizer, renderer.

TF Graphics ends every module with a call that lists the module's public names for its documentation,
by `inspect.stack()`: 0.3 to 0.7 s a module, 10 s in all. Only its own documentation reads those lists,
so the call is made cheap here, before the first of its modules is imported.
"""

from tensorflow_graphics.util import export_api

export_api.get_functions_and_classes = export_api.get_modules = list
