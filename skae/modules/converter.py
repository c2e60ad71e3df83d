"""Conversion of ``AutoencoderTransformer`` by skl2onnx, alone and as a step of pipelines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import onnx
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.helpers.integration import add_onnx_graph

from .graph import make_graph


def name_output(scope: Any = None, inputs: Any = None) -> list[tuple[str, Any]]:
    """Name and type of the output: codes are float32, whatever the type of X."""
    return [("codes", FloatTensorType())]


def infer_output(operator: Any) -> None:
    """Set the type and shape of the codes."""
    operator.outputs[0].type = FloatTensorType([None, operator.raw_operator.n_components_])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of the encoder to ``container``; several inputs, such as columns of a data frame, are joined."""
    result, inputs = operator.raw_operator._get_result(), operator.inputs
    types = {variable.type._get_element_onnx_type() for variable in inputs}
    element = types.pop() if len(types) == 1 else onnx.TensorProto.DOUBLE
    if len(inputs) > 1:
        inputs = [SimpleNamespace(onnx_name=join(scope, inputs, element, container))]
    model = make_graph(result, "encoder", onnx.helper.tensor_dtype_to_np_dtype(element), container.target_opset)
    add_onnx_graph(scope, SimpleNamespace(inputs=inputs, outputs=operator.outputs), container, model)


def join(scope: Any, inputs: list[Any], element: int, container: Any) -> str:
    """Add nodes that cast inputs to one type and join them; returns the name of the result."""
    casted = []
    for variable in inputs:
        casted.append(scope.get_unique_variable_name("casted"))
        container.add_node("Cast", variable.onnx_name, casted[-1], to=element)
    joined = scope.get_unique_variable_name("joined")
    container.add_node("Concat", casted, joined, axis=1)
    return joined
