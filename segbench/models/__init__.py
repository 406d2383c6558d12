"""The builtin models: name -> where its factory lives. Listing them imports nothing; adding one is one file and one line here.

Adapters bring in what others wrote: ``prefix:reference`` is opened by ``f(reference, labels, **arguments) -> Segmenter``.
"""

from __future__ import annotations

from segbench.registry import Registry

MODELS = Registry(
    "model",
    {
        "fcn32s": "segbench.models.zoo.fcn:fcn32s",
        "fcn16s": "segbench.models.zoo.fcn:fcn16s",
        "fcn8s": "segbench.models.zoo.fcn:fcn8s",
        "fcn8s_atonce": "segbench.models.zoo.fcn:fcn8s_atonce",
        "fcn32s_alexnet": "segbench.models.zoo.fcn_other:fcn32s_alexnet",
        "fcn32s_googlenet": "segbench.models.zoo.fcn_other:fcn32s_googlenet",
        "unet": "segbench.models.zoo.unet:unet",
        "unet_same": "segbench.models.zoo.unet_same:unet_same",
        "fusionnet": "segbench.models.zoo.fusionnet:fusionnet",
        "deconvnet": "segbench.models.zoo.deconvnet:deconvnet",
        "segnet": "segbench.models.zoo.segnet:segnet",
        "segnet_basic": "segbench.models.zoo.segnet_basic:segnet_basic",
        "bayesian_segnet": "segbench.models.zoo.bayesian_segnet:bayesian_segnet",
        "deeplab_v1": "segbench.models.zoo.deeplab_v1:deeplab_v1",
        "deeplab_v2": "segbench.models.zoo.deeplab_v2:deeplab_v2",
        "deeplab_v2_vgg16": "segbench.models.zoo.deeplab_v2:deeplab_v2_vgg16",
        "deeplab_v3": "segbench.models.zoo.deeplab_v3:deeplab_v3",
        "deeplab_v3_r50": "segbench.models.zoo.deeplab_v3:deeplab_v3_r50",
        "deeplab_v3plus": "segbench.models.zoo.deeplab_v3plus:deeplab_v3plus",
        "deeplab_v3plus_r101": "segbench.models.zoo.deeplab_v3plus:deeplab_v3plus_r101",
        "gcn": "segbench.models.zoo.gcn:gcn",
        "gcn_k7": "segbench.models.zoo.gcn:gcn_k7",
        "dfn": "segbench.models.zoo.dfn:dfn",
        "enet": "segbench.models.zoo.enet:enet",
        "bisenet_x39": "segbench.models.zoo.bisenet:bisenet_x39",
        "bisenet_r18": "segbench.models.zoo.bisenet:bisenet_r18",
        "bisenet_v2": "segbench.models.zoo.bisenet_v2:bisenet_v2",
        "fanet18": "segbench.models.zoo.fanet:fanet18",
        "fanet34": "segbench.models.zoo.fanet:fanet34",
        "rednet": "segbench.models.zoo.rednet:rednet",
        "pspnet_r50": "segbench.models.zoo.pspnet:pspnet_r50",
        "pspnet_r101": "segbench.models.zoo.pspnet:pspnet_r101",
        "erfnet": "segbench.models.zoo.erfnet:erfnet",
        "fast_scnn": "segbench.models.zoo.fast_scnn:fast_scnn",
        "ddrnet23_slim": "segbench.models.zoo.ddrnet:ddrnet23_slim",
        "pidnet_s": "segbench.models.zoo.pidnet:pidnet_s",
        "segformer_b0": "segbench.models.zoo.segformer:segformer_b0",
        "segformer_b2": "segbench.models.zoo.segformer:segformer_b2",
        "hrnet_w18": "segbench.models.zoo.hrnet:hrnet_w18",
        "hrnet_w48": "segbench.models.zoo.hrnet:hrnet_w48",
        "hrnet_w48_ocr": "segbench.models.zoo.hrnet:hrnet_w48_ocr",
    },
    "segbench.models",
    {
        "torchvision": "segbench.models.adapters.torchvision:open_model",
        "hf": "segbench.models.adapters.hf:open_model",
        "smp": "segbench.models.adapters.smp:open_model",
        "onnx": "segbench.models.adapters.onnx:open_model",
        "torchscript": "segbench.models.adapters.torchscript:open_model",
        "exported": "segbench.models.adapters.exported:open_model",
    },
    {
        ".onnx": "onnx:{}",
        ".pt": "torchscript:{}",
        ".pt2": "exported:{}",
        ".py": "{}:FUNCTION",
        "/": "hf:{}",
        ".safetensors": "NAME --weights NAME={}",
        ".pth": "NAME --weights NAME=NAME.safetensors, after segbench weights import NAME {} --out NAME.safetensors",
    },
)
