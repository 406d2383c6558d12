"""Models that others wrote, behind one function each: ``open_model(reference, labels, **arguments) -> Segmenter``.

``reference`` is what stands behind the colon of a name such as ``onnx:enet.onnx``. ``labels`` is the label space of the dataset at hand;
only adapters whose networks have no classes of their own (``smp``) use it. An adapter reads normalisation, channel order, sizes and classes
from what it opens, never from a default, and imports its package when it is used.
"""
