use super::*;

#[test]
fn a_member_whose_name_was_taken_is_fenced_wherever_it_receives_the_error() {
    use RDKafkaErrorCode::{FencedInstanceId, UnreleasedInstanceId};
    let (config, inputs) = (crate::kafka::client::tests::with(&[]), ["clicks".to_owned()]);
    for error in [
        KafkaError::MessageConsumptionFatal(FencedInstanceId),
        KafkaError::MessageConsumptionFatal(UnreleasedInstanceId),
        // From the queue of a partition.
        KafkaError::MessageConsumption(FencedInstanceId),
    ] {
        let result = fail_if_fatal(error.clone(), &config, &inputs);
        assert!(matches!(result, Err(Error::Fenced { .. })), "{error:?}");
    }
    let transient = KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown);
    assert!(fail_if_fatal(transient, &config, &inputs).is_ok());
    let out_of_range = KafkaError::MessageConsumption(RDKafkaErrorCode::OffsetOutOfRange);
    let result = fail_if_fatal(out_of_range, &config, &inputs);
    assert!(matches!(result, Err(Error::Fatal { .. })), "{result:?}");
}
