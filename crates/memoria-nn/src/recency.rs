//! Learned bias for newer engrams among the reminded ones.

use burn::tensor::Tensor;

use crate::{
    RemindedMemories,
    places::{indices, ranks},
};

/// Unit of recencies. An optimizer such as Adam changes a number by about its learning rate a step. To choose the
/// newest of several similar engrams, logits must differ by several units.
const UNIT: f64 = 16.0;

/// What a recency `[n_heads, told_apart]` has as a [bias](crate::MemoryAttentionInput::bias) for attending to reminded
/// memories, `[1 or batch, n_heads, 1, k]`: the newest of a row has the first value of each head, the one before it
/// the second, and all that are older than those that are told apart the last.
pub(crate) fn recency_bias(recency: Tensor<2>, reminded: &RemindedMemories) -> Tensor<4> {
    let [n_heads, told_apart] = recency.dims();
    let recency = recency.mul_scalar(UNIT);
    let [_, k, _] = reminded.data.dims();
    let device = recency.device();
    let Some(mask) = &reminded.mask_pad else {
        let order = (0..k).rev().map(|newer| newer.min(told_apart - 1) as i64).collect();
        return recency.select(1, indices(order, &device)).reshape([1, n_heads, 1, k]);
    };
    let [batch, _] = mask.dims();
    let order = ranks(mask.clone().flip([1]), told_apart).flip([1]).reshape([batch * k]);
    recency.select(1, order).reshape([n_heads, batch, 1, k]).swap_dims(0, 1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Bool, Device};

    use super::*;

    #[test]
    fn the_newest_comes_first_and_padding_is_no_engram() {
        let device = Device::flex();
        let recency = Tensor::<2>::from_data([[5.0, 3.0, 1.0], [-1.0, -2.0, -3.0]], &device);
        let data = Tensor::<3>::zeros([2, 4, 1], &device);
        let values = |mask_pad: Option<Tensor<2, Bool>>| -> Vec<f32> {
            let reminded = RemindedMemories { data: data.clone(), mask_pad };
            (recency_bias(recency.clone(), &reminded) / UNIT).into_data().iter().collect()
        };
        // In order of id: the last one is the newest, and two are older than the three that are told apart.
        assert_eq!(values(None), [1.0, 1.0, 3.0, 5.0, -3.0, -3.0, -2.0, -1.0]);
        let mask =
            Tensor::from_data([[false, false, false, false], [false, false, true, true]], &device);
        let padded = values(Some(mask));
        assert_eq!(padded[..4], [1.0, 1.0, 3.0, 5.0]);
        assert_eq!(padded[8..10], [3.0, 5.0]);
    }
}
