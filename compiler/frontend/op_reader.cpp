// Tested by tests/frontend/{model,bad}_test.cpp.
#include "compiler/frontend/op_reader.h"

#include <algorithm>

#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

const char* role_word(OpRole role) {
  switch (role) {
    case OpRole::layer:
      return "layer";
    case OpRole::loss:
      return "loss";
    case OpRole::optimizer:
      return "optimizer";
    case OpRole::internal:
      break;
  }
  return "internal op";
}

std::string with_article(OpRole role) {
  return (role == OpRole::optimizer ? "an " : "a ") + std::string(role_word(role));
}

bool is_letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'); }

bool is_name(const std::string& text, NameForm form) {
  const bool plain = form == NameForm::plain;
  if (text.empty() || text.size() > (plain ? kLongestName : kLongestLayerName)) return false;
  if (plain && !is_letter(text[0])) return false;
  char before = '.';
  for (const char ch : text) {
    const bool dot = !plain && ch == '.' && before != '.';
    if (!is_letter(ch) && !(ch >= '0' && ch <= '9') && ch != '_' && !dot) return false;
    before = ch;
  }
  return before != '.';
}

}  // namespace

Place place_of(const Json& json, const Json& root, const Report& report) {
  return {report.span(json.begin, json.end), pointer_at(root, json.begin, json.end)};
}

void report_wrong(const Json& json, const std::string& wanted, Report& report) {
  const std::string key = json.key.empty() ? "" : json.key + ": ";
  report.error(json, key + "expected " + wanted + ", found " + describe(json));
}

bool read_op(const Json& json, OpRole role, const std::vector<std::string>& other_keys,
             const Json& root, Report& report, LayerDescription& layer) {
  const std::string word = role_word(role);
  layer.place = place_of(json, root, report);
  const Json* type = json.find("type");
  if (!type) {
    report.error(json, "expected an object with the key \"type\" (" + with_article(role) +
                           "), found " +
                           (json.is(JsonKind::object) ? "one without it" : describe(json)));
    return false;
  }
  if (!type->is(JsonKind::text)) {
    report_wrong(*type, "the name of " + with_article(role), report);
    return false;
  }
  const OpDef* op = find_op(type->text);
  if (op && op->role != role && op->role != OpRole::internal) {
    report.error(*type, in_quotes(type->text) + " is not " + with_article(role) +
                            ": it belongs under \"" +
                            (op->role == OpRole::layer ? "layers" : role_word(op->role)) + "\"");
    return false;
  }
  if (!op || op->role != role) {
    const std::vector<std::string> names = names_of_role(role);
    const std::string suggestion = suggest(type->text, names);
    report.error(*type,
                 "unknown " + word + " " + in_quotes(type->text) +
                     (suggestion.empty() ? "; there are " + listed(names) : ""),
                 suggestion);
    return false;
  }
  std::vector<std::string> keys = {"type"};
  keys.insert(keys.end(), other_keys.begin(), other_keys.end());
  ReadAttributes read = read_attributes(json, op->attrs, keys, op->name, root, report);
  layer.op = op;
  layer.attrs = std::move(read.attrs);
  layer.attr_places = std::move(read.places);
  return true;
}

bool read_name(const Json& json, NameForm form, Report& report, std::string& name) {
  if (!json.is(JsonKind::text)) {
    report_wrong(json, "a string", report);
    return false;
  }
  if (!is_name(json.text, form)) {
    report_wrong(json,
                 form == NameForm::plain
                     ? "a letter and then letters, digits or _, at most " +
                           std::to_string(kLongestName) + " in all"
                     : "letters, digits or _, with dots between if wanted, at most " +
                           std::to_string(kLongestLayerName) + " in all",
                 report);
    return false;
  }
  name = json.text;
  return true;
}

}  // namespace cnnc
