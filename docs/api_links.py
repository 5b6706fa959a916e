"""Links from `vm.VampPrior`, `VampPrior` or `networks.mlp`, written as code in a page or a docstring, to the API reference."""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

CLASSES = ("class", "exception")
NAMED = re.compile(r"([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)


class ApiLinks(SphinxPostTransform):
    """Makes links of code that names a documented class, or with the module or class that it is in, another documented object."""

    default_priority = 5

    def run(self):
        names = self.names()
        for node in list(self.document.findall(nodes.literal)):
            match = NAMED.fullmatch(node.astext())
            found = names.get(match[1]) if match else None
            if found and not isinstance(node.parent, nodes.reference | nodes.title):
                node.replace_self(make_refnode(self.app.builder, self.env.docname, *found, node.deepcopy()))

    def names(self):
        """Returns the page and the anchor of each documented object by the names that it may be written with."""
        names = {}
        for name, entry in self.env.domains.python_domain.objects.items():
            short = name.removeprefix("keras_vaemix.")
            if not entry.aliased and entry.objtype != "module":
                last = [short.rpartition(".")[2]] if entry.objtype in CLASSES else []  # a function's name alone may be any variable's
                written = [name, f"vm.{short}", *last, *([short] if "." in short else [])]
                names |= dict.fromkeys(written, (entry.docname, entry.node_id))
        return names


def setup(app):
    app.add_post_transform(ApiLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
