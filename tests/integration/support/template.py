"""deploy/aws/template.yaml as data: CloudFormation's short forms (!Ref, !If …) become {"Ref": …}, {"Fn::If": …}."""
import re

import yaml
from support.program import ROOT

FILE = ROOT / "deploy" / "aws" / "template.yaml"


class Loader(yaml.SafeLoader):
    pass


def _short_form(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    return {name: loader.construct_sequence(node, deep=True)}


Loader.add_multi_constructor("!", _short_form)
TEMPLATE = yaml.load(FILE.read_text(), Loader)


def resources(kind):
    """Logical name -> properties."""
    return {name: each.get("Properties", {}) for name, each in TEMPLATE["Resources"].items() if each["Type"] == kind}


def values_in(data, key):
    """Everything that stands under that key, at any depth."""
    found = [data[key]] if isinstance(data, dict) and key in data else []
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        found += values_in(each, key)
    return found


def targets_of(data):
    """Logical names that a value refers to, whatever conditions stand around them."""
    refs = {ref for ref in values_in(data, "Ref") if ref in TEMPLATE["Resources"]}
    return refs | {each.split(".")[0] for each in values_in(data, "Fn::GetAtt")}


def functions():
    """Name of the function -> its properties."""
    return {each["FunctionName"]: each for each in resources("AWS::Lambda::Function").values()}


def statements_of(role):
    return [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]


def settings():
    """Name -> type, of src/base/config.def."""
    return {name: kind for kind, name in re.findall(r'^SETTING\(\w+, (\w+), "(\w+)"', (ROOT / "src/base/config.def").read_text(), re.MULTILINE)}


def emf_names():
    return {name for name in re.findall(r'"(\w*)"\)$', (ROOT / "src/base/metrics.def").read_text(), re.MULTILINE) if name}
