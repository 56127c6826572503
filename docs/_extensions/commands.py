"""The reference of the command line, from the commands themselves.

``{command} estimate`` stands for what ``skfrap estimate --help`` says, as text in which options can
be searched for and linked to.
"""

import inspect

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from skfrap.cli import cli


def setup(app):
    """Enter the directive."""
    app.add_directive("command", CommandDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class CommandDirective(Directive):
    """Describe one command, or with no name the options of ``skfrap`` itself."""

    optional_arguments = 1

    def run(self):
        """Make the paragraphs and the list of options."""
        name = self.arguments[0] if self.arguments else None
        if name is not None and name not in cli.commands:
            raise self.error(f"skfrap has no command {name!r}; there are {', '.join(cli.commands)}")
        context = click.Context(cli, info_name="skfrap", **cli.context_settings)
        if name is not None:
            context = click.Context(cli.commands[name], info_name=name, parent=context)
        return [*_usage(context), *_explanation(context), _options(context)]


def _usage(context):
    pieces = [context.command_path, *context.command.collect_usage_pieces(context)]
    usage = " ".join(pieces)
    return [nodes.literal_block(usage, usage, language="text")]


def _explanation(context):
    for paragraph in inspect.cleandoc(context.command.help).split("\n\n"):
        text = " ".join(paragraph.split())
        yield nodes.paragraph(text, text)


def _options(context):
    options = nodes.definition_list(classes=["options"])
    for option in context.command.get_params(context):
        record = option.get_help_record(context)
        if record is None:  # an argument, which the usage shows
            continue
        names, text = record
        longest = max(option.opts, key=len).strip("-")
        anchor = nodes.make_id(f"{context.command_path} option {longest}")
        term = nodes.term("", "", nodes.literal(names, names), ids=[anchor])
        text = " ".join(text.split())
        definition = nodes.definition("", nodes.paragraph(text, text))
        options += nodes.definition_list_item("", term, definition)
    return options
