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


# ---- what a deployment makes of it ----

NOTHING = object()  # AWS::NoValue


class Deployment:
    """Decides conditions by parameters; what stands for other resources, and for AWS itself, stays as it is."""

    def __init__(self, given):
        assert set(given) <= set(TEMPLATE["Parameters"]), given
        self.given = {name: given.get(name, each.get("Default", f"a {name}")) for name, each in TEMPLATE["Parameters"].items()}

    def holds(self, condition):
        return self.value(TEMPLATE["Conditions"][condition])

    def parameter(self, name):
        value, is_list = self.given[name], TEMPLATE["Parameters"][name]["Type"] == "CommaDelimitedList"
        return value.split(",") if is_list else value

    def substitute(self, text, variables):
        known = {**self.given, **{name: self.value(value) for name, value in variables.items()}}
        return re.sub(r"\$\{(\w+)\}", lambda found: str(known.get(found[1], found[0])), text)

    def value(self, data):
        if isinstance(data, list):
            return [each for each in map(self.value, data) if each is not NOTHING]
        if not isinstance(data, dict):
            return data
        [name, *others] = data or [None]
        inner = data.get(name)
        if others or name not in self.FORMS:
            values = {key: self.value(value) for key, value in data.items()}
            return {key: value for key, value in values.items() if value is not NOTHING}
        return self.FORMS[name](self, inner)

    def ref(self, name):
        return NOTHING if name == "AWS::NoValue" else self.parameter(name) if name in self.given else {"Ref": name}

    FORMS = {
        "Ref": ref,
        "Fn::If": lambda self, case: self.value(case[1 if self.holds(case[0]) else 2]),
        "Fn::Equals": lambda self, two: self.value(two[0]) == self.value(two[1]),
        "Fn::Not": lambda self, one: not self.value(one[0]),
        "Fn::And": lambda self, all_of: all(self.value(each) for each in all_of),
        "Fn::Or": lambda self, one_of: any(self.value(each) for each in one_of),
        "Fn::Join": lambda self, parts: parts[0].join(self.value(parts[1])),
        "Fn::Sub": lambda self, text: self.substitute(*([text, {}] if isinstance(text, str) else text)),
    }

    def made(self, section):
        """Of Resources, or Outputs: logical name -> what it is."""
        return {name: self.value({key: value for key, value in each.items() if key != "Condition"}) for name, each in TEMPLATE[section].items()
                if "Condition" not in each or self.holds(each["Condition"])}


def deployed(**parameters):
    """The resources that these parameters make, and the defaults of the others."""
    return Deployment(parameters).made("Resources")


def asked_for(resource):
    """Logical names that a deployed resource needs."""
    written = set(re.findall(r"\$\{(\w+)", " ".join(texts_in(resource))))
    return targets_of(resource) | (written & set(TEMPLATE["Resources"])) | set(values_in(resource, "DependsOn"))


def texts_in(data):
    if isinstance(data, str):
        return [data]
    return [text for each in (data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()) for text in texts_in(each)]


# ---- and its program ----

def functions():
    """Name of the function -> its properties."""
    return {each["FunctionName"]: each for each in resources("AWS::Lambda::Function").values()}


def statements_of(role):
    return [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]


def settings():
    """Name -> type, of src/base/config.def."""
    return {name: kind for kind, name in re.findall(r'^SETTING\(\w+, (\w+), "(\w+)"', (ROOT / "src/base/config.def").read_text(), re.MULTILINE)}


def defaults():
    """Name -> default, of src/base/config.def."""
    return dict(re.findall(r'^SETTING\(\w+, \w+, "(\w+)", "([^"]*)"', (ROOT / "src/base/config.def").read_text(), re.MULTILINE))


def emf_names():
    return {name for name in re.findall(r'"(\w*)"\)$', (ROOT / "src/base/metrics.def").read_text(), re.MULTILINE) if name}
