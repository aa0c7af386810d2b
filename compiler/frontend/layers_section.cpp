// Tested by tests/frontend/{model,blocks,bad}_test.cpp and fuzz_test.cpp.
#include "compiler/frontend/layers_section.h"

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/frontend/blocks.h"
#include "compiler/frontend/layer_order.h"
#include "compiler/frontend/op_reader.h"
#include "compiler/frontend/output_name.h"
#include "compiler/frontend/sections.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

std::string lower_case(std::string text) {
  for (char& ch : text) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch);
  return text;
}

// Of a name before one of its dots, and what follows; the last dot first.
std::pair<std::string, std::string> split_at_dot(const std::string& name, size_t& from) {
  from = from == 0 ? std::string::npos : name.rfind('.', from - 1);
  if (from == std::string::npos) return {};
  return {name.substr(0, from), name.substr(from + 1)};
}

class LayersReader {
 public:
  LayersReader(const Json& root, Report& report, ModelDescription& model)
      : root_(root), report_(report), model_(model) {}

  void read(const Json& json, const Json* blocks) {
    if (!json.is(JsonKind::array)) return report_wrong(json, "a list of layers", report_);
    if (json.children.empty()) {
      report_.error(json, "the network has no layers");
      return;
    }
    expanded_ = expand_blocks(json, blocks, root_, report_, model_.warnings);
    layers_.resize(expanded_.layers.size());
    for (size_t i = 0; i < layers_.size(); ++i) {
      const ExpandedLayer& expanded = expanded_.layers[i];
      layers_[i].uses = scope_of(i).uses;
      if (expanded.failed) {
        layers_[i].place = place_of(expanded.json, root_, report_);
        const Json* name = expanded.json.find("name");
        if (name) failed_.push_back(scope_of(i).prefix + name->text + ".");
      } else {
        read_op(expanded.json, OpRole::layer, {"name", "inputs"}, root_, report_, layers_[i]);
      }
    }
    // A use of a block ends before the layer that its name means is followed by another.
    auto use = expanded_.names.begin();
    for (size_t i = 0; i < layers_.size(); ++i) {
      read_layer_name(i);
      for (; use != expanded_.names.end() && use->layer == i; ++use) add_name_of_use(*use);
    }
    name_the_rest();
    check_names_of_parameters();
    std::vector<std::vector<size_t>> reads(layers_.size());
    for (size_t i = 0; i < layers_.size(); ++i) reads[i] = read_layer_inputs(i);
    arrange(reads);
  }

 private:
  struct Named {
    size_t layer = 0;
    int64_t begin = 0;  // of the layer or the use of a block
    bool is_use = false;
  };

  const Json& root_;
  Report& report_;
  ModelDescription& model_;
  ExpandedLayers expanded_;
  std::vector<LayerDescription> layers_;
  std::map<std::string, Named> index_;  // by absolute names
  std::vector<std::string> failed_;     // prefixes of names that uses of blocks would have given

  [[nodiscard]] const Json& json_of(size_t i) const { return expanded_.layers[i].json; }
  [[nodiscard]] const BlockScope& scope_of(size_t i) const {
    return expanded_.scopes[expanded_.layers[i].scope];
  }

  // The name of a layer within its block.
  [[nodiscard]] std::string local_name(size_t i) const {
    return layers_[i].name.substr(scope_of(i).prefix.size());
  }

  // ---- names

  void read_layer_name(size_t i) {
    const Json* name = json_of(i).find("name");
    std::string local;
    if (!name || !read_name(*name, NameForm::dotted, report_, local)) return;
    const BlockScope& scope = scope_of(i);
    layers_[i].name = scope.prefix + local;
    if (is_name_of_input(*name, local, scope)) return;
    add_name(layers_[i].name, *name, {i, layers_[i].place.span.begin, false}, scope);
  }

  void add_name_of_use(const BlockName& use) {
    const BlockScope& scope = expanded_.scopes[use.scope];
    const std::string local = use.name.substr(scope.prefix.size());
    if (is_name_of_input(use.json, local, scope)) return;
    add_name(use.name, use.json, {use.layer, use.json.begin, true}, scope);
  }

  bool is_name_of_input(const Json& json, const std::string& local, const BlockScope& scope) {
    const std::string reserved = std::string(kNetworkInput) + ".";
    if (scope.prefix.empty() && local.compare(0, reserved.size(), reserved) == 0) {
      report_.error(json, "no name can begin with \"input.\": \"input\" is the network's input");
      return true;
    }
    const auto input = std::find(scope.inputs.begin(), scope.inputs.end(), local);
    if (input == scope.inputs.end()) return false;
    report_.error(json,
                  "no layer can be called " + in_quotes(local) + ", which is " +
                      (scope.uses.empty() ? "the network's input"
                                          : "an input of block " + in_quotes(scope.uses[0].block)));
    return true;
  }

  void add_name(const std::string& name, const Json& json, Named named, const BlockScope& scope) {
    if (name.size() > kLongestLayerName) {
      // Where the name of the block's use is too long already, that is reported.
      if (scope.prefix.size() > kLongestLayerName + 1) return;
      report_.error(json, "the name " + in_quotes(name) + " has more than " +
                              std::to_string(kLongestLayerName) + " characters");
      add_uses(scope.uses, report_);
      return;
    }
    const auto [found, inserted] = index_.emplace(name, named);
    if (inserted) return;
    const int64_t line =
        report_.is_full() ? 0 : line_column(*report_.source(), found->second.begin).line;
    report_.error(json, "duplicate name " + in_quotes(name.substr(scope.prefix.size())) + ": the " +
                            (found->second.is_use ? "use of a block" : "layer") + " in line " +
                            std::to_string(line) + " has it already");
    add_uses(scope.uses, report_);
  }

  // Names like relu_2, the second of that type in its block, counted on where somebody has that
  // name.
  void name_the_rest() {
    std::map<std::pair<std::string, const OpDef*>, size_t> count;
    for (size_t i = 0; i < layers_.size(); ++i) {
      LayerDescription& layer = layers_[i];
      const std::string& prefix = scope_of(i).prefix;
      size_t& number = count[{prefix, layer.op}];
      ++number;
      if (!layer.name.empty()) continue;
      const std::string stem = prefix + (layer.op ? lower_case(layer.op->name) : "layer") + "_";
      const Named named{i, layer.place.span.begin, false};
      while (!index_.emplace(stem + std::to_string(number), named).second) ++number;
      layer.name = stem + std::to_string(number);
    }
  }

  // The files of weights and of checkpoints have names such as "conv.weight": no layer has those.
  void check_names_of_parameters() {
    for (size_t i = 0; i < layers_.size(); ++i) {
      const std::string& name = layers_[i].name;
      size_t dot = name.size();
      while (dot != std::string::npos) {
        const auto [owner, parameter] = split_at_dot(name, dot);
        const auto found = index_.find(owner);
        if (dot == std::string::npos || found == index_.end()) continue;
        const LayerDescription& other = layers_[found->second.layer];
        if (other.name != owner || !has_value(other, parameter)) continue;
        const Json* json = json_of(i).find("name");
        report_.error(json ? *json : json_of(i),
                      "no layer can be called " + in_quotes(name) + ": " +
                          in_quotes(owner + "." + parameter.substr(0, parameter.find('.'))) +
                          " belongs to layer " + in_quotes(owner));
        add_uses(layers_[i].uses, report_);
      }
    }
  }

  // Whether the layer has a parameter or a further output of that name, perhaps with more behind.
  static bool has_value(const LayerDescription& layer, const std::string& name) {
    if (!layer.op) return false;
    const std::string first = name.substr(0, name.find('.'));
    const std::vector<OpInput>& inputs = layer.op->inputs;
    const std::vector<std::string>& outputs = layer.op->outputs;
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const OpInput& each) { return each.parameter && each.name == first; }) ||
           std::find(outputs.begin() + (outputs.empty() ? 0 : 1), outputs.end(), first) !=
               outputs.end();
  }

  // ---- inputs

  // What a layer reads.
  struct Source {
    std::string name;             // empty: there is no such thing
    std::optional<size_t> layer;  // none: the network's input
  };

  Source source_of(size_t layer) { return {layers_[layer].name, layer}; }

  Source source_of(const BlockFeed& feed) {
    switch (feed.kind) {
      case BlockFeed::Kind::layer:
        return source_of(feed.layer);
      case BlockFeed::Kind::name:
        return source_of(feed.name, feed.scope);
      case BlockFeed::Kind::network_input:
        break;
    }
    return {kNetworkInput, std::nullopt};
  }

  // What a name means in a scope.
  Source source_of(const Json& name, size_t in_scope) {
    const BlockScope& scope = expanded_.scopes[in_scope];
    const std::string owner = parse_output_name(name.text).layer;
    const std::string output = name.text.substr(owner.size());  // "[1]", or nothing
    const auto input = std::find(scope.inputs.begin(), scope.inputs.end(), owner);
    if (input != scope.inputs.end()) {
      Source source = source_of(scope.feeds[static_cast<size_t>(input - scope.inputs.begin())]);
      if (source.name.empty() || output.empty()) return source;
      if (parse_output_name(source.name).layer == source.name) {
        source.name += output;
        return source;
      }
      report_.error(name, in_quotes(owner) + " is " + in_quotes(source.name) +
                              ", one output of a layer: it has no outputs of its own");
      add_uses(scope.uses, report_);
      return {};
    }
    const auto found = index_.find(scope.prefix + owner);
    if (found != index_.end()) {
      Source source = source_of(found->second.layer);
      source.name += output;
      return source;
    }
    report_unknown_input(name, scope);
    return {};
  }

  void report_unknown_input(const Json& name, const BlockScope& scope) {
    const std::string absolute = scope.prefix + name.text;
    for (const std::string& prefix : failed_) {
      if (absolute.compare(0, prefix.size(), prefix) == 0) return;
    }
    std::string suggestion;
    if (!report_.is_full()) {
      std::vector<std::string> names = scope.inputs;
      for (auto each = index_.lower_bound(scope.prefix);
           each != index_.end() && each->first.compare(0, scope.prefix.size(), scope.prefix) == 0;
           ++each) {
        names.push_back(each->first.substr(scope.prefix.size()));
      }
      suggestion = suggest(name.text, names);
    }
    report_.error(name,
                  "no layer" +
                      (scope.uses.empty() ? "" : " of block " + in_quotes(scope.uses[0].block)) +
                      " is called " + in_quotes(name.text),
                  suggestion);
  }

  // Fills in the layer's inputs and returns those of them that are layers.
  std::vector<size_t> read_layer_inputs(size_t i) {
    const ExpandedLayer& expanded = expanded_.layers[i];
    const BlockScope& scope = scope_of(i);
    std::vector<size_t> reads;
    const auto add = [&](const Source& source) {
      if (source.name.empty()) return;
      layers_[i].inputs.push_back(source.name);
      if (source.layer) reads.push_back(*source.layer);
    };
    const Json* inputs = expanded.failed ? nullptr : expanded.json.find("inputs");
    if (!inputs) {
      add(expanded.before ? source_of(*expanded.before) : source_of(scope.feeds[0]));
      if (layers_[i].inputs.size() == 1) check_input_count(expanded.json, i);
      return reads;
    }
    if (!inputs->is(JsonKind::array)) {
      report_wrong(*inputs, "a list of names of layers", report_);
      return reads;
    }
    bool names_only = true;
    for (const Json& name : inputs->children) {
      if (name.is(JsonKind::text)) {
        add(source_of(name, expanded.scope));
      } else {
        report_.error(name, "inputs: expected the name of a layer, found " + describe(name));
        names_only = false;
      }
    }
    if (names_only) check_input_count(*inputs, i, inputs->children.size());
    return reads;
  }

  void check_input_count(const Json& json, size_t i, size_t inputs = 1) {
    const OpDef* op = layers_[i].op;
    if (!op) return;
    const InputCount count = input_count(*op);
    const auto given = static_cast<int64_t>(inputs);
    if (given >= count.least && (count.most < 0 || given <= count.most)) return;
    const bool exact = count.least == count.most;
    const int64_t limit = given < count.least ? count.least : count.most;
    report_.error(json, op->name + " " + in_quotes(local_name(i)) + " takes " +
                            (exact                 ? ""
                             : given < count.least ? "at least "
                                                   : "at most ") +
                            std::to_string(limit) + (limit == 1 ? " input" : " inputs") +
                            ", found " + std::to_string(given));
  }

  // ---- order

  // Puts the layers in an order in which they can run.
  void arrange(const std::vector<std::vector<size_t>>& reads) {
    const LayerOrder sorted = order_layers(reads);
    if (!sorted.cycle.empty()) return report_cycle(sorted.cycle);
    std::vector<bool> is_read(layers_.size());
    for (const std::vector<size_t>& each : reads) {
      for (size_t read : each) is_read[read] = true;
    }
    model_.output = layers_.back().name;
    std::set<int64_t> warned;  // once for all copies of a block
    for (size_t i = 0; i + 1 < layers_.size(); ++i) {
      const Place& place = layers_[i].place;
      if (is_read[i] || model_.warnings.size() >= kMostErrors) continue;
      if (!warned.insert(place.span.begin).second) continue;
      Diagnostic warning = error("nothing reads layer " + in_quotes(layers_[i].name) +
                                 ", and it is not the last one, which gives the output");
      warning.severity = Severity::warning;
      warning.span = place.span;
      warning.pointer = place.pointer;
      model_.warnings.push_back(std::move(warning));
    }
    for (size_t i : sorted.order) model_.layers.push_back(std::move(layers_[i]));
  }

  void report_cycle(const std::vector<size_t>& cycle) {
    std::vector<std::string> names;
    names.reserve(cycle.size());
    for (size_t i : cycle) names.push_back(layers_[i].name);
    const Json& first = json_of(cycle[0]);
    const Json* inputs = first.find("inputs");
    report_.error(inputs ? *inputs : first,
                  names.size() == 1
                      ? "layer " + in_quotes(names[0]) + " reads itself"
                      : "the layers form a cycle; each of these reads the next, and the last "
                        "the first: " +
                            listed(names));
    add_uses(layers_[cycle[0]].uses, report_);
  }
};

}  // namespace

std::string use_text(const BlockUse& use) {
  const std::string what = "this use of block " + in_quotes(use.block);
  return use.name.empty() ? "in " + what : "in " + in_quotes(use.name) + ", " + what;
}

void read_layers(const Json& json, const Json* blocks, const Json& root, Report& report,
                 ModelDescription& model) {
  LayersReader(root, report, model).read(json, blocks);
}

}  // namespace cnnc
