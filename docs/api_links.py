"""Links from `vm.VampPrior`, `VampPrior` or `networks.mlp`, written as code in a page or a docstring, to the API reference."""

import re

from docutils import nodes
from sphinx.addnodes import desc_signature, pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

CLASSES = ("class", "exception")
NAMED = re.compile(r"([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)


def is_linked(node):
    """Returns whether a node is inside of a title, or of a link that its page has."""
    while node := node.parent:
        if isinstance(node, nodes.reference | nodes.title) or (isinstance(node, pending_xref) and node.get("refdomain") != "py"):
            return True
    return False


class ApiLinks(SphinxPostTransform):
    """Makes links of code that names a documented class, or with the module or class that it is in, another documented object."""

    default_priority = 5

    def run(self):
        names = self.names()
        for node in list(self.document.findall(nodes.literal)):
            match = NAMED.fullmatch(node.astext())
            found = names.get(match[1]) if match else None
            if found and not is_linked(node):
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


def anchor_in_packages(app, doctree):
    """Gives each documented object the anchors that it would have in the packages around its module, to which pages of source code link."""
    for node in doctree.findall(desc_signature):
        package = node.get("module")
        while node["ids"] and package and (package := package.rpartition(".")[0]):
            node["ids"].append(f"{package}.{node['fullname']}")


def setup(app):
    app.connect("doctree-read", anchor_in_packages)
    app.add_post_transform(ApiLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
